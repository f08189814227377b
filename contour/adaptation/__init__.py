"""What moved since the plan: drift per structure, lesions, dose, and how far an alignment can be trusted."""
