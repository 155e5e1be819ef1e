"""Several seeds of one recipe: trained in parallel, judged together before the next stage starts."""
