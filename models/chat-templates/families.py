"""Templates in the manner of published families, written for these tests, and conversations to render."""

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather at a \"place\" <now> – café",
        "parameters": {"type": "object", "properties": {
            "place": {"type": "string", "description": "where"},
            "days": {"type": "integer", "enum": [1, 3]}}, "required": ["place"]}}},
    {"type": "function", "function": {"name": "stop", "description": "", "parameters": {}}},
]
CALL = {"type": "function", "id": "abc123456", "function": {"name": "get_weather", "arguments": {"place": "Åbo", "days": 1}}}
CONVERSATIONS = {
    "one": [{"role": "user", "content": "Hello"}],
    "system": [{"role": "system", "content": "Be brief. "}, {"role": "user", "content": "Hi\n"}],
    "turns": [
        {"role": "user", "content": "  odd\t spacing \n\n"}, {"role": "assistant", "content": " Sure.\n "},
        {"role": "user", "content": "{{ not a template }} {% x %} <|im_end|>"},
    ],
    "thinking": [
        {"role": "system", "content": ""}, {"role": "user", "content": "2+2?"},
        {"role": "assistant", "content": "<think>\nadd\n</think>\n\n4"}, {"role": "user", "content": "Sûr ? 🙂"},
        {"role": "assistant", "content": "Oui.", "reasoning_content": "\nyes\n"},
    ],
    "calls": [
        {"role": "user", "content": "Weather?"}, {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "{\"t\": 21}", "name": "get_weather", "tool_call_id": "abc123456"},
        {"role": "assistant", "content": "21 degrees"}, {"role": "user", "content": "Thanks"},
    ],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "a "}, {"type": "image"}, {"type": "text", "text": " b"}]}],
    "wrong": [{"role": "assistant", "content": "I start"}, {"role": "assistant", "content": "and go on"}],
    "nobody": [],
}

FAMILIES = {
"chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + (m['content'] if m['content'] is string else '') + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
"llama-2": """{% if messages and messages[0].role == 'system' %}{% set rest = messages[1:] %}{% set intro = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set intro = false %}{% endif %}
{% for m in rest %}
{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate: ' ~ loop.index0 ~ ' is ' ~ m.role) }}{% endif %}
{% if loop.index0 == 0 and intro != false %}{% set text = '<<SYS>>\\n' + intro + '\\n<</SYS>>\\n\\n' + m.content %}{% else %}{% set text = m.content %}{% endif %}
{% if m.role == 'user' %}{{ bos_token + '[INST] ' + text | trim + ' [/INST]' }}{% elif m.role == 'assistant' %}{{ ' ' ~ text | trim ~ ' ' + eos_token }}{% endif %}
{% endfor %}""",
"llama-3": """{{- bos_token }}
{%- if not date_string is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- endif %}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" + system_message + "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if message.tool_calls|length != 1 %}{{- raise_exception("Only one tool call at once!") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '{"name": "' + tool_call.name + '", ' + '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}<|eot_id|>" }}
    {%- else %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or (message.content is iterable and message.content is not string) %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if tools %}{%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}{%- endif %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}
""",
"mistral": """{%- if messages and messages[0]["role"] == "system" %}{%- set system_message = messages[0]["content"] %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace(index=0) %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("Roles must alternate user/assistant") }}{%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS][" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}{%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}{%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if message.content is string %}{{- "[INST]" + message["content"] + "[/INST]" }}{%- else %}{{- "[INST]" }}{%- for block in message.content %}{%- if block.type == 'text' %}{{- block.text }}{%- elif block['type'] in ['image', 'image_url'] %}{{- '[IMG]' }}{%- endif %}{%- endfor %}{{- "[/INST]" }}{%- endif %}
    {%- elif message.tool_calls is defined %}
        {{- "[TOOL_CALLS][" }}{%- for c in message.tool_calls %}{%- set out = c.function|tojson %}{{- out[:-1] }}{%- if c.id|length != 9 %}{{- raise_exception("Tool call IDs should be 9 long") }}{%- endif %}{{- ', "id": "' + c.id + '"}' }}{{- ", " if not loop.last else "]" + eos_token }}{%- endfor %}
    {%- elif message["role"] == "assistant" %}{{- " " + message["content"]|trim + eos_token }}
    {%- elif message["role"] == "tool" %}{{- '[TOOL_RESULTS]{"content": ' + message.content|string + ', "call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- endif %}
{%- endfor %}
{%- if system_message is defined %}{{- "[SYSTEM]" ~ system_message }}{%- endif %}
""",
"gemma": """{{ bos_token }}
{%- if messages and messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}{%- set prefix = messages[0]['content'] + '\\n\\n' -%}{%- else -%}{%- set prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}{%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}{%- set prefix = "" -%}{%- set loop_messages = messages -%}{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}{%- endif -%}
    {%- if (message['role'] == 'assistant') -%}{%- set role = "model" -%}{%- else -%}{%- set role = message['role'] -%}{%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else "") }}
    {%- if message['content'] is string -%}{{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}{%- for item in message['content'] -%}{%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}{%- endfor -%}
    {%- else -%}{{ raise_exception("Invalid content type") }}{%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{'<start_of_turn>model\\n'}}{%- endif -%}
""",
"qwen-3": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}{%- if messages and messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- "# Tools\\n<tools>" }}{%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}{{- "\\n</tools><|im_end|>\\n" }}
{%- elif messages and messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}
{%- set ns = namespace(searching=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.searching and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}{%- set ns.searching = false %}{%- set ns.last = index %}{%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}{%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' }}
        {%- if loop.index0 > ns.last and (loop.last or reasoning) %}{{- '<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}{%- else %}{{- content }}{%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}
            {%- if call.function %}{%- set call = call.function %}{%- endif %}
            {{- '<tool_call>\\n{"name": "' ~ call.name ~ '", "arguments": ' }}{%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}{{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' + content + '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}
""",
"phi": "{% for message in messages %}{% if message['role'] in ['system', 'tool'] and tools %}{{ '<|' ~ message['role'] ~ '|>' ~ message['content'] ~ '<|tool|>' ~ tools|tojson ~ '<|/tool|><|end|>' }}{% else %}{{ '<|' + message['role'] + '|>\n' }}{% generation %}{{ message['content'] or '' }}{% endgeneration %}{{ '<|end|>\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
"command-r": """{{ bos_token }}{%- macro type_name(schema) -%}{%- if schema.enum is defined -%}Literal[{{ schema.enum|join(', ') }}]{%- elif schema.type == 'string' -%}str{%- elif schema.type == 'object' -%}Dict[{%- for k, v in schema.properties|dictsort -%}{{ k }}: {{ type_name(v) }}{{ ', ' if not loop.last }}{%- endfor -%}]{%- else -%}{{ schema.type|default('Any', true)|capitalize }}{%- endif -%}{%- endmacro -%}
{%- if tools %}<|START_OF_TURN_TOKEN|>
{% for tool in tools|map(attribute='function') %}
def {{ tool.name }}({% for name, p in tool.parameters.properties|default({})|items %}{{ name }}: {{ type_name(p) }}{% if name not in tool.parameters.required %} = None{% endif %}{{ ', ' if not loop.last }}{% endfor %}) -> {{ type_name(tool.parameters) }}:
    \"\"\"{{ tool.description|title|replace('"', '') or 'none' }}\"\"\"
{% endfor %}{%- endif %}
{%- for m in messages %}{%- if m.role|lower == 'user' -%}<|USER_TOKEN|>{{ m.content if m.content is string else m.content|selectattr('type', 'eq', 'text')|map(attribute='text')|join }}
{%- elif m.role == 'system' -%}<|SYSTEM_TOKEN|>{{ m.content|trim|default('none', boolean=True) }}
{%- elif m.role == 'assistant' -%}<|CHATBOT_TOKEN|>{% if m.tool_calls -%}Action: ```json
{{ m.tool_calls|map(attribute='function.name')|list|tojson(indent=2) }}
```{%- else %}{{ m.content }}{% endif %}{%- else %}<results>{{ m.content }}</results>{%- endif %}<|END_OF_TURN_TOKEN|>{%- endfor %}""",
"deepseek": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='', is_first_sp=true) %}{%- for message in messages %}{%- if message['role'] == 'system' %}{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.is_first_sp = false %}{%- else %}{% set ns.system_prompt = ns.system_prompt + '\\n\\n' + message['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<｜User｜>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and 'tool_calls' in message %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls'] %}{%- if not ns.is_first %}{%- if message['content'] is none %}{{'<｜Assistant｜><｜tool▁calls▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name'] + '\\n' + '```json' + '\\n' + tool['function']['arguments']|tojson + '\\n' + '```'}}{%- else %}{{'<｜Assistant｜>' + message['content']}}{%- endif %}{%- set ns.is_first = true -%}{%- endif %}{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and 'tool_calls' not in message %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{{'<｜tool▁output▁begin｜>' + message['content'] + '<｜tool▁output▁end｜>'}}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'<｜tool▁outputs▁end｜>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜><think>\\n'}}{% endif %}""",
"granite": """{%- set ns = namespace(text='', found=false) -%}
{%- if messages and messages[0]['role'] == 'system' -%}{%- set system = messages[0]['content'] -%}{%- set messages = messages[1:] -%}{%- else -%}{%- set system %}
Knowledge Cutoff: April 2024.
Today's Date: {{ strftime_now('%B %d, %Y') }}.
{%- if tools and documents %} both{% elif tools %} tools{% endif %}{% endset -%}{%- endif -%}
<|start_of_role|>system<|end_of_role|>{{ system | trim | indent(2) }}<|end_of_text|>
{% if tools %}{{ tools | tojson(indent=4) }}{% endif %}
{%- for message in messages if message.content %}
<|start_of_role|>{{ message['role'] }}<|end_of_role|>{{ message['content'] }}<|end_of_text|>
{% if loop.last and add_generation_prompt %}<|start_of_role|>assistant{% if controls %} {{ controls | tojson() }}{% endif %}<|end_of_role|>{% endif %}
{% else %}
(empty)
{% endfor %}""",
"zephyr": "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' ~ message['content'] ~ eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  ~ message['content'] ~ eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
"smollm": """{%- set mode = 'no_think' if enable_thinking is defined and not enable_thinking else 'think' -%}
{%- if messages and messages[0].role == 'system' and '/system_override' in messages[0].content -%}{{- messages[0].content.replace('/system_override', '').rstrip() -}}{%- else -%}{{- '<|im_start|>system\\nReasoning Mode: /' + mode + '\\n' + 'Date: ' + strftime_now('%d %B %Y') -}}{%- endif -%}
{%- for message in messages -%}{%- set content = message.content if message.content is string else '' -%}
{%- if message.role == 'assistant' -%}{% generation %}{{- '<|im_start|>assistant\\n' + (content.lstrip('\\n') if mode == 'think' else '<think>\\n\\n</think>\\n' + content) + '<|im_end|>\\n' -}}{% endgeneration %}{%- elif message.role in ('user', 'tool') -%}{{ '<|im_start|>user\\n' + content + '<|im_end|>\\n' }}{%- endif -%}{%- endfor -%}
{%- if xml_tools or tools -%}{%- set ns = namespace(s='') -%}{%- for tool in tools[:] -%}{%- set ns.s = ns.s ~ (tool.function|string) ~ '\\n' -%}{%- endfor -%}{{ ns.s }}{%- endif -%}""",
"vicuna": "{% for message in messages %}{% if not loop.first and loop.previtem.role == message.role %}{{ raise_exception('Two turns of ' + message.role.upper()) }}{% endif %}{% if message.role == 'user' %}{{ 'USER: ' + (message.content|string).strip() + ' ' }}{% elif message.role == 'assistant' %}{{ 'ASSISTANT: ' ~ message.content ~ eos_token }}{% if loop.nextitem is defined %}{{ '\n' }}{% endif %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
"hermes": """{%- macro json_to_python_type(spec) %}{%- set basic = {"string": "str", "number": "float", "integer": "int"} %}{%- if basic[spec.type] is defined %}{{- basic[spec.type] }}{%- elif spec.type == "array" %}{{- "list[" + json_to_python_type(spec|items) + "]" }}{%- elif spec.type is iterable and spec.type is not string %}{{- "Union[" }}{%- for t in spec.type %}{{- json_to_python_type({"type": t}) }}{%- if not loop.last %}{{- "," }}{%- endif %}{%- endfor %}{{- "]" }}{%- else %}{{- "Any" }}{%- endif %}{%- endmacro %}
{{- bos_token }}
{%- for tool in (tools or []) %}{%- if tool.function is defined %}{%- set tool = tool.function %}{%- endif %}
{{- '{"name": "' + tool.name + '", "description": "' + tool.name + '(' }}
{%- for name, fields in (tool.parameters.properties or {}).items() %}{{- name + ": " + json_to_python_type(fields) }}{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}{{- ")" }}
{%- if tool.return is defined %}{{- " -> " + json_to_python_type(tool.return) }}{%- endif %}
{{- " - " + tool.description + "\\n\\n" }}{%- endfor %}
{%- for message in messages %}{%- if message.role == "tool" and loop.previtem and loop.previtem.role != "tool" %}{{- '<|im_start|>tool\\n' }}{%- endif %}{{- message.content|default('-', true) }}{%- if not loop.last and loop.nextitem.role != "tool" %}{{- '<|im_end|>' }}{%- elif loop.last %}{%- break %}{%- endif %}{%- endfor %}
""",
"olmo": "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>\n' + message['content'] + '\n' }}{% elif message['role'] == 'user' %}{{ '<|user|>\n' ~ message['content'] ~ '\n' }}{% elif message['role'] == 'assistant' %}{% if not loop.last %}{{ '<|assistant|>\n'  ~ message['content'] ~ eos_token + '\n' }}{% else %}{{ '<|assistant|>\n'  ~ message['content'] + eos_token }}{% endif %}{% endif %}{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}",
}
