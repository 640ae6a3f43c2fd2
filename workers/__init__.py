"""The processes that learn; `app` never imports them."""
