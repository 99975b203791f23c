wrk.method = "POST"
wrk.body = '{"text":"The train to the coast leaves in ten minutes."}'
wrk.headers["Content-Type"] = "application/json"
