"""
Triggers: waiting in the triggerer, without a worker. They only read.

- ``new_invitation`` starts DAGs: its trigger fires again and again, for an ``AssetWatcher``.
- ``invitation_sensor`` and ``participation_status_sensor`` wait on behalf of a deferred sensor and fire once.
- ``reading`` and ``announcing`` are what they are made of.
"""
