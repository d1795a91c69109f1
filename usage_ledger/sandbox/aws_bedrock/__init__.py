"""A stand-in for what AWS serves of Amazon Bedrock's use: CloudWatch, Cost Explorer, STS and inference profiles."""
