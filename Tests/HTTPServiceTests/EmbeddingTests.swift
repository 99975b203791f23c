import Foundation
import SelfTest
import TestSupport
import Testing

/// POST /v1/embeddings with the real model of the catalogue.
@Suite struct EmbeddingTests {
    private static let model = "all-minilm-l6-v2"

    private func drive(_ script: String) async throws {
        let head = """
            import json, math, sys
            from openai import OpenAI, BadRequestError, NotFoundError
            url, fixture = sys.argv[1:3]
            model = "all-minilm-l6-v2"
            client = OpenAI(base_url=url + "/v1", api_key="none", max_retries=0, timeout=120)
            expected = json.load(open(fixture))
            def near(a, b, bound=1e-4):
                assert len(a) == len(b), (len(a), len(b))
                worst = max(abs(x - y) for x, y in zip(a, b))
                assert worst < bound, worst

            """
        try await RunningService.with(["--models", "\(Self.model),lid-176"]) { service async throws in
            let outcome = try await Programs.run(
                URL(fileURLWithPath: "/usr/bin/env"),
                [
                    "python3", "-c", head + script + "\nprint('driven')\n", service.url,
                    Fixtures.path("huggingface/bert/all-MiniLM-L6-v2.json"),
                ],
                environment: ["PYTHONPATH": Fixtures.repository.appendingPathComponent(".python").path])
            #expect(outcome.output == "driven\n", "\(outcome.output)\(outcome.error)\(service.logText.suffix(2000))")
        }
    }

    @Test func theOfficialClientGetsTheReferencesVectors() async throws {
        try await drive(
            """
            assert model in [m.id for m in client.models.list()]
            texts = [e["text"] for e in expected["inputs"]]
            # The client asks for base64 unless told otherwise.
            whole = client.embeddings.create(model=model, input=texts)
            assert [d.index for d in whole.data] == list(range(len(texts)))
            assert whole.usage.prompt_tokens == sum(len(e["ids"]) for e in expected["inputs"]) == whole.usage.total_tokens
            plain = client.embeddings.create(model=model, input=texts, encoding_format="float")
            for one, other, reference in zip(whole.data, plain.data, expected["inputs"]):
                near(one.embedding, reference["embedding"])
                near(one.embedding, other.embedding, 1e-7)
                assert abs(math.fsum(x * x for x in one.embedding) - 1) < 1e-5
            # A text alone, and as its ids.
            near(client.embeddings.create(model=model, input=texts[0]).data[0].embedding, whole.data[0].embedding, 1e-9)
            ids = [e["ids"] for e in expected["inputs"]]
            for one, other in zip(client.embeddings.create(model=model, input=ids).data, whole.data):
                near(one.embedding, other.embedding, 1e-9)
            assert client.embeddings.create(model=model, input="a", dimensions=384).data[0].embedding
            many = client.embeddings.create(model=model, input=[texts[i % len(texts)] for i in range(600)])
            near(many.data[599].embedding, whole.data[599 % len(texts)].embedding, 1e-9)
            """)
    }

    @Test func whatCannotBeEmbeddedIsNamed() async throws {
        try await drive(
            """
            def refused(param, code=None, kind=BadRequestError, **arguments):
                arguments = {"model": model, "input": "a", **arguments}
                try:
                    client.embeddings.create(**arguments)
                except kind as error:
                    assert error.param == param and (code is None or error.code == code), (error.param, error.code)
                    return str(error)
                raise SystemExit(f"not refused: {arguments}")

            refused("model", "model_not_found", NotFoundError, model="nope")
            assert "language" in refused("model", "wrong_task", model="lid-176")
            refused("input", input="")
            refused("input[1]", input=["a", ""])
            refused("input", input=[])
            refused("input[1]", input=["a", 5])
            refused("input[0]", input=[[]])
            refused("input", "invalid_value", input=[[101, 999999, 102]])
            refused("encoding_format", encoding_format="hex")
            assert "384" in refused("dimensions", dimensions=12)
            message = refused("input", "context_length_exceeded", input=["a", "word " * 5000])
            assert "input 1" in message and "5002" in message, message
            """)
    }
}
