"""Item embeddings: fitted from the catalogue and the interaction log, stored, extended and searched."""
