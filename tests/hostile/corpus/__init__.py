"""
Hostile invitations and answers, and what runs them through everything.

- ``invitations``: what strangers wrote, as plain data. Add a case there and it runs everywhere.
- ``answers``: what a hostile or broken service sends instead of an answer, likewise.
- ``mailboxes``: puts an invitation into a mailbox of each service, between two good ones.
- ``consumers``: everything that reads invitations: operators, sensors, triggers, the decorator, the notifier.
- ``evidence``: what is looked at afterwards: logs, XComs, tables, files, mail.
- ``verdicts``: what must not be found in it, and the table of verdicts.
"""
