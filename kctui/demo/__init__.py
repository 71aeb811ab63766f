"""The demonstration: AWS in a box, against which the product runs unchanged."""
