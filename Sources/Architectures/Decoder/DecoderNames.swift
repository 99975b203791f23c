internal import Checkpoints

/// What tensors are called. The code binds by the names of the Hugging Face layout, which the published implementations
/// use; this has the other names of the same tensors.
struct DecoderNames: Sendable {
    private let configuration: DecoderConfiguration
    /// What stands before `model.` in the checkpoint, or in its place.
    private let prefix: String?

    /// - Parameter checkpoint: what the names are for; a multimodal one has its text model below a prefix.
    init(_ configuration: DecoderConfiguration, _ checkpoint: Checkpoint) {
        self.configuration = configuration
        prefix = ["model.language_model.", "language_model.model."].first { prefix in
            configuration.family == .gemma3 && checkpoint.tensors["\(prefix)embed_tokens.weight"] != nil
        }
    }

    /// The name in the checkpoint.
    func stored(_ name: String) -> String {
        switch configuration.format {
        case .huggingFace: huggingFace(name)
        case .gguf: gguf(name)
        }
    }

    private func huggingFace(_ name: String) -> String {
        guard let prefix else { return name }
        if name.hasPrefix("model.") { return prefix + name.dropFirst("model.".count) }
        return prefix == "language_model.model." ? "language_model." + name : name
    }

    private func gguf(_ name: String) -> String {
        let parts = name.split(separator: ".")
        guard parts.count > 4, parts[0] == "model", parts[1] == "layers", let kind = parts.last else {
            return Self.ggufNames[name] ?? name
        }
        let part = parts[3..<(parts.count - 1)].joined(separator: ".")
        let names = configuration.family == .gemma3 ? Self.ggufGemmaParts : Self.ggufParts
        return names[part].map { "blk.\(parts[2]).\($0).\(kind)" } ?? name
    }

    private static let ggufNames = [
        "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    ]
    private static let ggufParts = [
        "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
        "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    ]
    /// Gemma's norm behind attention is another than that of the others, which stands before the feed-forward layer.
    private static let ggufGemmaParts = ggufParts.merging(
        [
            "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
            "post_feedforward_layernorm": "post_ffw_norm",
        ], uniquingKeysWith: { _, gemma in gemma })

    /// Gives a place to what the text model does not read: the weights of a multimodal model that look at images, and
    /// the table of RoPE's frequencies that old files have.
    func ignoreUnread(_ binder: WeightBinder) {
        guard configuration.format == .huggingFace else { return }
        if prefix != nil {
            binder.ignore { name in
                ["vision_tower.", "multi_modal_projector."].contains { part in
                    name.hasPrefix(part) || name.hasPrefix("model.\(part)")
                }
            }
        }
        binder.ignore { $0.hasSuffix(".rotary_emb.inv_freq") }
    }
}
