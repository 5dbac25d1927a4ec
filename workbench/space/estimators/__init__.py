"""Estimators with the names and signatures of scikit-learn, fitted by noisy sums at a domain."""
