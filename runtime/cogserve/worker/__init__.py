"""The process that holds the model: started, watched, replaced. Knows nothing of HTTP.

For others: `spawn` (start a process; standard library only), `supervisor` (keep one alive), `process` (talk
to it).
Inside: `memory` (whether the kernel killed it).
"""
