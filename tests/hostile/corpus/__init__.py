"""
Hostile invitations and responses, and what runs them through everything.

- ``case``: what a hostile invitation is.
- ``invitations``, ``objects``: what strangers wrote, as plain data. Add a case there and it runs everywhere.
- ``responses``: what a hostile or broken service sends, likewise.
- ``mailboxes``: a mailbox of each service, which takes invitations between two good ones; ``sandbox_mailbox`` and
  ``wires`` have those of services that speak JSON, ``caldav_mailbox`` the other one.
- ``consumers``: everything that reads invitations; ``watching`` has sensors and triggers, ``bulk`` and ``replying``
  operators, the decorator and the notifier, and ``run`` runs them.
- ``evidence``: what is looked at afterwards: logs, XComs, tables, files, mail.
- ``verdicts``: what must not be found in it, and the table of verdicts.
"""
