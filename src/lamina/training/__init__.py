"""Training: steps as programs; fit, evaluate and predict for every model with the facts that
`protocol` names."""
