"""What operators, sensors, decorators and notifiers have in common."""
