"""A local server that behaves as Stripe for the part of it that the shop uses.

It knows nothing of the shop and nothing of Stripe's library: both meet it over HTTP only. All
is kept in one SQLite file; every change is one transaction together with its events, its deliveries
and its line in the log. It serves and calls this machine only, and takes test keys only.

- `/v1/…` the API (`api`, then `operations` names the function of each operation). Requests and
  answers are held against Stripe's specification (`spec`, `guard`, `parameters`).
- `/c/pay/…` and its neighbours, the pages of a buyer (`pages`, `entry`, `texts`, `templates/`).
- `/dashboard` the page of the account's owner (`dashboard`).
- `/_ctl/…` what tests need beyond Stripe: `control` lists the commands, `faults` and `modes` the
  rules that can be set.
- `server.StandInServer` runs it on a thread; `python -m shop.sandbox.stand_in` as a process.

What it leaves out stands in NOT_MODELLED.md.
"""
