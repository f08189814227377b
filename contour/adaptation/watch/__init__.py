"""What a physicist watches: one course over its fractions, all courses of a site, scanners and models."""
