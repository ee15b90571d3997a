"""What a prediction is, and what happens to it from its request to its end.

For others: `prediction` (the record and its states), `scheduler` (runs predictions on the worker),
`handlers` (the HTTP handlers).
Inside: `admission` (the queue and the slots), `registry` (predictions by id), `cancellation`, `outputs`,
`events` (server-sent events).
"""
