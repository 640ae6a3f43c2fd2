"""The theory: attention as one gradient step on a linear model, numpy only (lrgd.md section 2)."""
