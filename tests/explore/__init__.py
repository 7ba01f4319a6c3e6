"""
Explores the reply protocol: the real code, under every order of events and every misbehaviour of a model service.

``make explore`` runs it in full; ``test_explore.py`` runs a bounded size.
"""
