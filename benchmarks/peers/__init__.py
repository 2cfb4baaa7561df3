"""Peers: what becomes of events with five clients, when things do not go as planned.

questions  what is asked, and what makes an answer the best one; pure
table      the answers side by side, as text and as Markdown; pure
server     a loopback server that keeps what it is sent, slow or silent if asked to
children   a program in the environment of its client, bounded in time
asking     one question to one client: what to run, and what came of it
programs   what the children do, and how each client is called
"""
