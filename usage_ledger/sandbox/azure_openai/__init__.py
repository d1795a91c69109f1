"""A stand-in for the Azure subscriptions of one tenant: Azure Monitor, Resource Manager, Cost Management."""
