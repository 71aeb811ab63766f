"""Tests of AWS in a box, through boto3 over HTTP."""
