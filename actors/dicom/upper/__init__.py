"""DICOM's upper layer and its messages (PS3.7, PS3.8), for those who are called and who call.

One thread for each association, which reads from its socket and writes to it; no queue, and nothing
that looks for work in turns (docs/explanation/performance.md says why). Nothing is believed that
came: lengths, orders and numbers are checked before anything is kept of them.
"""
