"""Where key material comes from, and how it is wrapped for AWS."""
