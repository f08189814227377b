"""The review page: its server, and what a browser is given."""
