-- Cost and Usage of FOCUS 1.2: the columns of 1.4 under the names of 1.2. They are described in
-- data_contracts/focus_1_2.yaml.
CREATE VIEW marts.focus_1_2 AS
SELECT
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId", "CapacityReservationStatus", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit",
    "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit",
    "ServiceProviderName" AS "ProviderName", coalesce("HostProviderName", "ServiceProviderName") AS "PublisherName",
    "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName",
    "SubAccountType", "Tags", "x_ConnectionId", "x_Report", "x_UsageDate", "x_RowKey", "x_Part", "x_ProviderCode",
    "x_UsageType", "x_ApiKeyId", "x_ApiKeyName", "x_UserId", "x_ModelId", "x_ModelFamily", "x_Meter", "x_InputTokens",
    "x_OutputTokens", "x_QuantityBasis", "x_Team", "x_App", "x_CostCenter", "x_AllocationMethod", "x_ReconVerdict",
    "x_ReconResidual", "x_PriceRank", "x_CostBasis", "x_Settled", "x_LoadId"
FROM marts.focus_1_4
