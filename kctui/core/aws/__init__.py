"""The border to AWS: everything that boto3 gives is typed and explained here."""
