"""Learning a model from contoured patients, and measuring it on others."""
