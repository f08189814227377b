"""A picture of a structure set over its CT, for the eye's first check."""
