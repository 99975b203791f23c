import Foundation
import SelfTest
import TestSupport
import Testing

/// The client package that people use, unchanged, against the program as it is served.
@Suite struct OpenAIClientTests {
    private static let head = """
        import asyncio, json, sys
        from openai import OpenAI, AsyncOpenAI, BadRequestError, NotFoundError
        from pydantic import BaseModel
        url, tiny = sys.argv[1:3]
        small = "smollm2-135m-instruct"
        client = OpenAI(base_url=url + "/v1", api_key="none", max_retries=0, timeout=120)
        user = lambda text: [{"role": "user", "content": text}]

        def refused(call, param, code=None, kind=BadRequestError):
            try:
                call()
            except kind as error:
                assert error.param == param and (code is None or error.code == code), (error.param, error.code)
                return str(error)
            raise SystemExit(f"not refused: {param}")

        """

    private func drive(_ script: String) async throws {
        let tiny = Fixtures.path("generation/tiny/qwen3-tools.gguf")
        try await RunningService.with(["--models", "smollm2-135m-instruct,\(tiny)"]) { service async throws in
            let outcome = try await Programs.run(
                URL(fileURLWithPath: "/usr/bin/env"),
                ["python3", "-c", Self.head + script + "\nprint('driven')\n", service.url, "qwen3-tools.gguf"],
                environment: ["PYTHONPATH": Fixtures.repository.appendingPathComponent(".python").path])
            #expect(outcome.output == "driven\n", "\(outcome.output)\(outcome.error)\(service.logText.suffix(2000))")
            #expect(try await service.client.request("GET", "/health").status == 200)
        }
    }

    @Test func chatsAndCompletions() async throws {
        try await drive(
            """
            names = [model.id for model in client.models.list()]
            assert small in names and tiny in names and "lid-176" not in names, names
            assert client.models.retrieve(small).id == small
            refused(lambda: client.models.retrieve("nope"), "model", "model_not_found", NotFoundError)

            ask = dict(model=small, messages=user("What is the capital of France?"), temperature=0, max_tokens=16)
            whole = client.chat.completions.create(**ask)
            text = whole.choices[0].message.content
            assert "Paris" in text, text
            assert whole.choices[0].finish_reason in ("stop", "length")
            assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
            chunks = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
            assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == text
            assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
            assert chunks[0].choices[0].delta.role == "assistant"
            assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
            assert {c.id for c in chunks} == {chunks[0].id}
            with client.chat.completions.stream(**ask) as stream:
                for event in stream: pass
                assert stream.get_final_completion().choices[0].message.content == text

            several = client.chat.completions.create(
                model=small, messages=user("Say something."), n=2, seed=7, max_tokens=8, logprobs=True, top_logprobs=3)
            again = client.chat.completions.create(
                model=small, messages=user("Say something."), n=2, seed=7, max_tokens=8)
            assert [c.message.content for c in several.choices] == [c.message.content for c in again.choices]
            for choice in several.choices:
                joined = b"".join(bytes(t.bytes) for t in choice.logprobs.content)
                assert joined.decode("utf-8", "replace").startswith(choice.message.content), joined
                assert all(len(t.top_logprobs) == 3 and t.logprob <= 0 for t in choice.logprobs.content)

            write = dict(model=small, prompt="One, two, three,", temperature=0, max_tokens=12)
            plain = client.completions.create(**write).choices[0].text
            assert " four" in plain, plain
            assert "".join(c.choices[0].text for c in client.completions.create(**write, stream=True)) == plain
            echo = client.completions.create(**write, echo=True, logprobs=2).choices[0]
            assert echo.text == "One, two, three," + plain
            table = echo.logprobs
            assert table.token_logprobs[0] is None and table.top_logprobs[0] is None
            assert len(table.tokens) == len(table.token_logprobs) == len(table.top_logprobs) == len(table.text_offset)
            for token, offset in zip(table.tokens, table.text_offset):
                if "\\ufffd" not in token: assert echo.text[offset:].startswith(token), (token, offset)
            stopped = client.completions.create(**write, stop=[" five"]).choices[0]
            assert " five" not in stopped.text and stopped.finish_reason == "stop"
            assert plain.startswith(stopped.text)
            both = client.completions.create(**(write | {"prompt": ["One, two, three,", "Paris is the capital of"]}))
            assert both.choices[0].text == plain and [c.index for c in both.choices] == [0, 1]
            other = client.completions.create(**(write | {"prompt": "Paris is the capital of"})).choices[0].text
            assert both.choices[1].text == other != plain
            ids = client.completions.create(**(write | {"prompt": [[504, 28], [504, 28]]})).choices
            assert ids[0].text == ids[1].text

            async def many():
                async with AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0, timeout=120) as api:
                    answers = await asyncio.gather(*(api.chat.completions.create(**ask) for _ in range(6)))
                    assert {a.choices[0].message.content for a in answers} == {text}
            asyncio.run(many())

            long = refused(lambda: client.chat.completions.create(
                model=small, messages=user("word " * 100000)), "messages", "context_length_exceeded")
            assert "8192" in long or "2048" in long, long
            refused(lambda: client.chat.completions.create(model=small, messages=user("x"), temperature=3), "temperature")
            refused(lambda: client.chat.completions.create(model=small, messages=[]), "messages")
            refused(lambda: client.chat.completions.create(model="lid-176", messages=user("x")), "model", "wrong_task")
            refused(lambda: client.chat.completions.create(
                model=small, messages=user("x"), tools=[{"type": "function", "function": {"name": "f"}}]), "tools")
            refused(lambda: client.completions.create(model=small, prompt=[10**6]), "prompt")
            refused(lambda: client.chat.completions.create(
                model=small, messages=user("x"), modalities=["text", "audio"]), "modalities")
            """)
    }

    @Test func answersInJSONAndTools() async throws {
        try await drive(
            """
            class City(BaseModel):
                name: str
                large: bool
                population: int

            for model in (small, tiny):
                for seed in range(3):
                    free = client.chat.completions.create(
                        model=model, messages=user("Answer in JSON: a person with a name and an age."), seed=seed,
                        response_format={"type": "json_object"}, max_tokens=200)
                    if free.choices[0].finish_reason == "stop":
                        assert isinstance(json.loads(free.choices[0].message.content), dict)
            parsed = client.chat.completions.parse(
                model=small, messages=user("Describe Paris in JSON."), temperature=0, response_format=City, max_tokens=400)
            assert isinstance(parsed.choices[0].message.parsed.population, int)
            bad = refused(lambda: client.chat.completions.create(
                model=small, messages=user("x"), response_format={"type": "json_schema", "json_schema": {
                    "name": "a", "schema": {"type": "object", "if": {"type": "object"}}}}),
                "response_format.json_schema.schema", "unsupported_schema")
            assert "if" in bad, bad

            tools = [
                {"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": {
                    "type": "object", "properties": {"unit": {"enum": ["C", "F"]}, "days": {"type": "boolean"}},
                    "required": ["unit", "days"], "additionalProperties": False}}},
                {"type": "function", "function": {"name": "now"}}]
            ask = dict(model=tiny, messages=user("Weather?"), tools=tools, seed=3, max_tokens=300)
            named = ask | {"tool_choice": {"type": "function", "function": {"name": "weather"}}}
            answer = client.chat.completions.create(**named).choices[0]
            assert answer.finish_reason == "tool_calls" and answer.message.content is None, answer
            [call] = answer.message.tool_calls
            assert call.function.name == "weather" and call.id.startswith("call_")
            arguments = json.loads(call.function.arguments)
            assert arguments["unit"] in ("C", "F") and isinstance(arguments["days"], bool)
            with client.chat.completions.stream(**named) as stream:
                for event in stream: pass
                final = stream.get_final_completion().choices[0]
            assert final.message.tool_calls[0].function.arguments == call.function.arguments
            assert final.finish_reason == "tool_calls"
            for seed in range(3):
                required = client.chat.completions.create(**(ask | {
                    "tool_choice": "required", "parallel_tool_calls": False, "seed": seed})).choices[0]
                assert required.message.tool_calls[0].function.name in ("weather", "now")
                json.loads(required.message.tool_calls[0].function.arguments)
                auto = client.chat.completions.create(**(ask | {"seed": seed, "max_tokens": 40})).choices[0]
                assert auto.finish_reason in ("stop", "length", "tool_calls")
            back = client.chat.completions.create(model=tiny, max_tokens=5, tools=tools, messages=user("Weather?") + [
                answer.message.model_dump(exclude_none=True),
                {"role": "tool", "tool_call_id": call.id, "content": "Rain"}])
            assert back.choices[0].finish_reason in ("stop", "length")
            """)
    }
}
