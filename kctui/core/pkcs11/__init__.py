"""The border to PKCS#11: only modules in here know python-pkcs11, and all its calls run in one thread."""
