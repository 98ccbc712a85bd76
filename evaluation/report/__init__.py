"""The report: one page with everything that an evaluation found, and what it shows of faces and embeddings."""
