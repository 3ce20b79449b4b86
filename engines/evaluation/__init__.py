"""What a recognition system is measured by: protocols, metrics and plots, on faces that were described before."""
