"""The two flows: answering a request and taking feedback, and what the workers share with them."""
