"""AWS KMS, as its documentation describes it, for keys with imported material and with AWS's own."""
