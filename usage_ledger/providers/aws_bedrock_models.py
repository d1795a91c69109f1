"""The inference profiles and foundation models of a region, from Bedrock's control plane.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html.
"""

from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.aws_json import REGIONS

bedrock = partial(m.Request, base="https://bedrock.{region}.amazonaws.com", audience="bedrock/{region}")
LIST, PAGING = "inferenceProfileSummaries", m.Cursor("nextToken", "nextToken")
MODELS = m.Listing(bedrock("/foundation-models"), "modelSummaries", "modelId", "model", form="whole", per=REGIONS)
PROFILES = m.Listing(
    bedrock("/inference-profiles", (("type", "{type}"), ("maxResults", "1000"))),
    LIST,
    "inferenceProfileId",
    "profile",
    PAGING,
    form="whole",
    per=m.Fixed("type", ("SYSTEM_DEFINED", "APPLICATION"), per=REGIONS),
)
NAMES = m.Report(
    name="inference_profiles",
    source=m.HttpPages(
        bedrock("/inference-profiles", (("type", "APPLICATION"), ("maxResults", "1000"))), PAGING, per=REGIONS
    ),
    row_sets=(
        m.RowSet(
            path=LIST,
            table="",
            names=(m.NameOf("inference_profile", id="inferenceProfileId", name="inferenceProfileName"),),
            allow_extra_fields=True,
        ),
        m.RowSet(
            path=f"{LIST}/models",
            table="",
            names=(m.NameOf("model", id="^inferenceProfileId", name="^inferenceProfileName", parent="modelArn"),),
            optional=True,
        ),
    ),
    snapshot=True,
)
