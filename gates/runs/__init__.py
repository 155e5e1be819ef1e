"""What a run says about itself, and its tags under canonical names."""
