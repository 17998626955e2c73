"""The demo catalogue: invented dolls, their texts in two languages, and drawn pictures of them.

`catalogue.json` is what the demo loads. Everything in `photos/` is drawn by
`python -m shop.sandbox.catalogue.draw` and carries the word "demobild", so that
nobody sells a drawing. Drawing needs playwright and Chromium; loading needs neither.
"""
