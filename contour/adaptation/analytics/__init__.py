"""Statistics of a course and of a site: set-up errors, control charts, trends and the margin they ask for."""
