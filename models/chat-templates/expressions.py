"""Small templates, one line each, that the interpreter must answer as jinja2 does."""

EXPRESSIONS = [line for line in r"""
{{ 1 + 2 * 3 }}
{{ (1 + 2) * 3 }}
{{ 7 / 2 }}
{{ 8 / 2 }}
{{ 7 // 2 }}
{{ -7 // 2 }}
{{ 7 % 3 }}
{{ -7 % 3 }}
{{ 7 % -3 }}
{{ 7.5 // 2 }}
{{ -7.5 % 2 }}
{{ 2 ** 10 }}
{{ 2 ** -1 }}
{{ 2 ** 3 ** 2 }}
{{ 1 / 0 }}
{{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ 123456789012345680.0 }}
{{ 0.1 + 0.2 }} {{ 1.0 }} {{ 1e22 }} {{ 100 * 1.1 }} {{ 5e-324 }}
{{ 1_000 }} {{ 1.5e3 }}
{{ true }} {{ False }} {{ none }} {{ None }}
{{ true + 1 }} {{ true == 1 }} {{ 1 == 1.0 }} {{ '1' == 1 }}
{{ [1, 'a', none, true, 1.5] }}
{{ {'a': 1, 'b': [1, {'c': none}]} }}
{{ (1,) }} {{ (1, 2) }} {{ () }}
{{ ["it's", 'say "x"', 'it\'s "x"', 'tab\t', 'nl\n', 'é', '\u200b', '\x07'] }}
{{ 'a' 'b' }}
{{ 'a' ~ 1 ~ none ~ 2.0 ~ missing ~ [1] }}
{{ 'a' + 'b' }} {{ [1] + [2] }} {{ 'ab' * 3 }} {{ 2 * [1, 2] }}
{{ 'a' + 1 }}
{{ 'a' * -1 }}|
{{ '\u00e9\x41\101\n\\' }}
{{ '\q\/' }}
{{ "\U0001F600" }}
{{ not 1 }} {{ not '' }} {{ not [] }} {{ not {} }} {{ not none }} {{ not 0.0 }}
{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 'x' }} {{ '' or none }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 <= 1 >= 1 }} {{ 3 > 2 != 1 }}
{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ 'é' > 'z' }} {{ [1, 2] < [1, 3] }} {{ 'a' < 'aa' }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ 1 in [1, 2] }} {{ 'a' in 'cat' }} {{ 'b' in d }} {{ 3 not in items }} {{ '' in '' }}
{{ 1 in 'a' }}
{{ 'yes' if flag else 'no' }} {{ 'yes' if empty else 'no' }}[{{ 'x' if empty }}]
{{ 'a' if 0 else 'b' if 0 else 'c' }}
{{ missing }}|{{ missing is defined }}|{{ missing|default('x') }}|{{ missing|length }}
{{ missing.attribute }}
{{ missing['key'] }}
{{ d.missing }}|{{ d['missing'] }}|{{ d.get('missing') }}|{{ d.get('missing', 3) }}
{{ d.missing.deeper }}
{{ missing + 1 }}
{{ missing() }}
{{ missing == missing }} {{ missing != 1 }} {{ missing in [1] }}
{{ missing < 1 }}
{{ missing|upper }}|{{ missing|list }}|{{ missing|first }}|{{ missing|join(',') }}
{% for x in missing %}x{% else %}none{% endfor %}
{{ d }} {{ d.a }} {{ d['ключ'] }} {{ d.a[1] }} {{ d['a'][-1] }}
{{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }};{% endfor %}
{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}
{{ d|dictsort }} {{ d|length }} {{ d|list }}
{{ items[0] }} {{ items[-1] }} {{ items[5] }}| {{ items.0 }}
{{ items[1:] }} {{ items[:-1] }} {{ items[::-1] }} {{ items[::2] }} {{ items[-2:] }} {{ items[5:] }} {{ items[2:0:-1] }}
{{ word[0] }} {{ word[-1] }} {{ word[1:3] }} {{ word[::-1] }} {{ word[:100] }} {{ word[-100:2] }} {{ word[9] }}|
{{ items[::0] }}
{{ none[1:] }}
{{ text|trim }}| {{ text.strip() }}| {{ text.lstrip() }}| {{ text.rstrip() }}|
{{ 'xxhixx'.strip('x') }} {{ 'xyhixy'.lstrip('xy') }} {{ 'xyhixy'.rstrip('yx') }} {{ '--a--'|trim('-') }}
{{ word|upper }} {{ 'ÀB'|lower }} {{ 'straße'|upper }} {{ word|capitalize }} {{ 'HELLO wORLD'|capitalize }}
{{ "it's a hello-world (foo) [bar]"|title }} {{ "it's a hello-world x1y"|string.title() }}
{{ "they're bill's".title() }} {{ 'ab1c dE'.title() }}
{{ 'a,b,,c'.split(',') }} {{ 'a b  c '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ ''.split(',') }} {{ ''.split() }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b  c'.rsplit(none, 1) }} {{ ' a b  c '.split(none, 1) }} {{ 'a</think>b'.split('</think>')[-1] }}
{{ 'a'.split('') }}
{{ 'a\nb\r\nc\n\nd'.splitlines() }} {{ 'a\nb\n'.splitlines(true) }} {{ ''.splitlines() }}
{{ word.startswith('he') }} {{ word.endswith('lo') }} {{ word.startswith(('x', 'h')) }} {{ word.startswith('') }} {{ word.endswith('helloo') }}
{{ word.startswith(1) }}
{{ word.replace('l', 'L') }} {{ word.replace('l', 'L', 1) }} {{ word|replace('l', '') }} {{ 'ab'.replace('', '-') }} {{ 'aaa'|replace('a', 'b', 2) }}
{{ word.find('l') }} {{ word.find('z') }} {{ word.count('l') }} {{ word.rfind('l') }} {{ 'éa'.find('a') }} {{ 'aaaa'.count('aa') }}
{{ word.index('z') }}
{{ ', '.join(['a', 'b']) }} {{ ','.join('abc') }}
{{ ','.join([1]) }}
{{ word.upper() }} {{ 'AbC'.lower() }} {{ 'abc'.capitalize() }} {{ 'ab'.isalpha() }} {{ '12'.isdigit() }} {{ ''.isdigit() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }}
{{ 'A'.isupper() }} {{ 'Ab'.isupper() }} {{ 'ab1'.islower() }} {{ '1'.islower() }}
{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('=') }} {{ 'abc'.rpartition('=') }}
{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('bc') }} {{ 'abc'.removeprefix('x') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }}
{{ '{} and {}'.format(1, 'x') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{a}'.format(a=2) }} {{ '{{}}'.format() }}
{{ items|join }} {{ items|join(', ') }} {{ [none, true, 1.0]|join('|') }} {{ people|join(', ', attribute='name') }}
{{ items|first }} {{ items|last }} {{ empty|first }}| {{ word|first }} {{ word|last }} {{ d|first }}
{{ items|sort }} {{ items|sort(reverse=true) }} {{ ['b', 'A', 'c']|sort }} {{ ['b', 'A', 'c']|sort(case_sensitive=true) }}
{{ people|sort(attribute='age')|map(attribute='name')|list }} {{ people|sort(attribute='name')|map(attribute='name')|join(',') }} {{ people|sort(attribute='age', reverse=true)|map(attribute='name')|list }}
{{ items|reverse|list }} {{ word|reverse }} {{ items|sum }} {{ people|sum(attribute='age') }} {{ empty|sum }} {{ [1, 2]|sum(start=10) }}
{{ items|min }} {{ items|max }} {{ ['b', 'A']|min }} {{ empty|min }}| {{ people|max(attribute='age') }}
{{ [1, 2, 1, 'a', 'A']|unique|list }} {{ people|map(attribute='age')|unique|list }}
{{ items|map('string')|list }} {{ ['a', 'b']|map('upper')|join }} {{ people|map(attribute='x', default='?')|list }} {{ ['a ', ' b']|map('trim')|list }}
{{ items|select('gt', 1)|list }} {{ items|reject('odd')|list }} {{ [0, 1, '', 'a']|select|list }} {{ items|select('in', [1, 2])|list }} {{ [1, none]|reject('none')|list }}
{{ people|selectattr('age', 'equalto', 31)|map(attribute='name')|list }} {{ people|rejectattr('age', 'eq', 31)|list }} {{ people|selectattr('age')|list|length }} {{ people|selectattr('nope', 'defined')|list }}
{{ people|selectattr('age', '>', 7)|list|length }} {{ people|selectattr('age', 'ge', 7)|list|length }} {{ people|selectattr('age', 'ne', 7)|first }}
{{ items|select('gt', 1)|length }}
{% if empty|select %}yes{% else %}no{% endif %}
{{ items|map('nonsense')|list }}
{{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, 'x')|list }}
{{ d|tojson }} {{ 'é"\\/\n\x01<>&'|tojson }} {{ [1.0, 1e100, true, none]|tojson }} {{ {1: 2, none: 3, true: 4}|tojson }} {{ (1, 2)|tojson }}
{{ d|tojson(indent=2) }}
{{ {'a': [], 'b': {}}|tojson(indent=4) }} {{ d|tojson(ensure_ascii=true) }} {{ '😀'|tojson(ensure_ascii=True) }}
{{ d|tojson(separators=(',', ':')) }} {{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }} {{ [1, 2]|tojson(indent=1, separators=(', ', ' : ')) }}
{{ missing|tojson }}
{{ range|tojson }}
{{ '42'|int }} {{ ' 42 '|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ 3.9|int }} {{ -3.9|int }} {{ '3.9'|int }} {{ true|int }} {{ none|int }} {{ '1.5'|float }} {{ 'x'|float }} {{ 3|float }}
{{ -3|abs }} {{ -2.5|abs }} {{ 2.5|round }} {{ 3.5|round }} {{ 2.567|round(2) }} {{ 2.1|round(0, 'ceil') }} {{ 2.9|round(method='floor') }} {{ 3|round }} {{ 2.675|round(2) }}
{{ 'a\nb\n\nc'|indent }}| {{ 'a\nb'|indent(2, true) }}| {{ 'a\n\nb'|indent(2, blank=true) }}| {{ 'a\nb'|indent('> ') }}| {{ 'a\n'|indent(2) }}|
{{ '<a href="x">&\'</a>'|e }} {{ '<b>'|safe }} {{ 'two words, three'|wordcount }} {{ 1|string + 'x' }} {{ [1]|string }}
{{ word|length }} {{ 'é😀'|length }} {{ items|count }} {{ ''|length }} {{ d|count }}
{{ none|length }}
{{ 1|length }}
{{ ''|default('x') }}|{{ ''|default('x', true) }}|{{ none|default('x') }}|{{ none|d('x', boolean=true) }}|{{ 0|default(1) }}|{{ missing|default }}
{{ 'x'|nonsense }}
{{ 'x' is nonsense }}
{{ 1 is defined }} {{ none is none }} {{ 'a' is string }} {{ 1 is string }} {{ d is mapping }} {{ items is mapping }} {{ items is iterable }} {{ 1 is iterable }} {{ 'a' is sequence }} {{ d is sequence }} {{ 1 is sequence }}
{{ 1 is number }} {{ 1.0 is number }} {{ true is number }} {{ '1' is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}
{{ 2 is even }} {{ 3 is odd }} {{ 3 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is in [1] }} {{ 'a' is in 'b' }} {{ 1 is not in [1] }}
{{ 1 is eq 1 }} {{ 1 is equalto(1.0) }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is gt(1) }} {{ 2 is ge 2 }} {{ 2 is le 1 }} {{ none is sameas none }} {{ 1 is sameas true }} {{ true is sameas true }}
{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'Abc' is lower }} {{ range is callable }} {{ 1 is callable }} {{ word.upper is callable }}
{{ missing is undefined }} {{ missing is none }} {{ missing is string }} {{ missing is iterable }} {{ missing is not defined }} {{ not missing is defined }} {{ missing is mapping }} {{ missing is sequence }}
{{ 1 is string or 'a' is string and not 2 is odd }}
{{ 1 + 2 is odd }}
{{ -1|abs }} {{ -items|length }} {{ 2 - 1 ~ 'x' }} {{ 1 ~ 2 + 3 }}
{{ 'a' is string is string }}
{{ range(3)|list }} {{ range(1, 4)|list }} {{ range(5, 0, -2)|list }} {{ range(0)|list }} {{ range(3)|length }} {{ range(2, 10, 3)|list }}
{{ range(1, 5, 0) }}
{{ range(99999999) }}
{{ dict(a=1, b='x') }} {{ dict({'a': 1}, b=2) }} {{ dict([('a', 1)]) }}
{% set x = 1 %}{{ x }}{% set x, y = 2, 3 %}{{ x }}{{ y }}{% set x = x + 1 %}{{ x }}
{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% set ns = namespace(a=1) %}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% set ns.b = i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}|
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns['b'] }}
{% set x.y = 1 %}
{% set d.y = 1 %}
{% set x %}a{{ 1 }}b{% endset %}{{ x }}{{ x|length }}
{% set x | upper | replace('A', 'z') %}a{{ word }}b{% endset %}{{ x }}
{% filter upper %}a{{ word }}{% endfilter %}
{% filter replace('l', 'L') | trim %}  {{ word }} {% endfilter %}|
{% set x = 1 %}{% filter upper %}{% set x = 'in' %}{{ x }}{% endfilter %}{{ x }}
{% for x in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for x in items %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}
{% for x in items %}{{ loop.previtem is defined }}{{ loop.cycle('a', 'b') }}{% endfor %}
{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}
{% for x in items %}{% for y in items %}{{ loop.depth }}{{ y }}{% endfor %}{{ loop.index }}{% endfor %}
{% for x in items if x > 1 %}{{ x }}{{ loop.length }}{{ loop.last }}{% else %}none{% endfor %}
{% for x in items if x > 9 %}{{ x }}{% else %}none{% endfor %}
{% for x in items %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}
{% for x in items %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}never{% endfor %}
{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{% for c in 'héy' %}{{ c }},{% endfor %}
{% for x in 1 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for x in 1, 2 %}{{ x }}{% endfor %}
{% macro m(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, c='q') }} {{ m() }} {{ m(b=1, a=0) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(q=2) }}
{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(4) }}
{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}
{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{{ word }}{% endcall %}
{% macro m() %}[{{ caller(1) }}]{% endmacro %}{% call(v) m() %}x{{ v }}{% endcall %}
{% macro m(x) -%}  {{ x }}  {%- endmacro %}{{ m('a') }}|{{ m('b') ~ 'c' }}|{{ m('d')|upper }}|{{ m.name }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}|
{% generation %}x{{ word }}{% endgeneration %}
{% raw %}{{ not }} {% set %}{% endraw %}|{{ 1 }}
{# comment #}a{#- b -#} c {# d #}
a  {{- 1 -}}  b {%- if true -%}  c  {%- endif -%}  d
  {% if true %}x{% endif %}  y
{{ {'a': {'b': {}}} }}{{ {} }}
{{ raise_exception('no: ' ~ word) }}
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%A %B %Y-%m-%d %H:%M:%S %j %p %I %y %a %%') }}
{{ ''.__class__ }}|
{{ ''.__class__.__mro__ }}
{{ d['__class__'] }}| {{ d.__init__ }}| {{ range.__globals__ }}|
{{ (1).__class__.__base__ }}
{{ items.append(1) }}
{{ d.update({'x': 1}) }}
{{ d.pop('a') }}
{{ d.setdefault('z', 1) }}
{{ items.count(3) }} {{ items.index(1) }}
{{ word.nope }}|{{ word.nope() }}
{{ 1() }}
{{ -'a' }}
{{ {[1]: 2} }}
{{ }}
{% if %}x{% endif %}
{% if true %}x
{% for x in %}{% endfor %}
{% endif %}
{% nonsense %}
{{ 1
{{ 'abc }}
{% set x = (1 %}
{# never closed
{{ a b }}
{{ [1, 2 }}
{{ 1 if }}
{{ . }}
{{ 'a' ! }}
{% break %}
{% set loop = 1 %}{{ loop }}
{% for loop in items %}{% endfor %}
{{ f(a=1, 2) }}
{{ x|}}
{% macro m( %}{% endmacro %}
{{ joiner(', ')() }}|{% set j = joiner() %}{{ j() }}a{{ j() }}b{{ j() }}c
{{ word is defined and word|length > 3 and (word[0] == 'h' or false) }}
{{ (items|length - 1) ~ '/' ~ items|length }}
{{ people[0].name ~ people[-1]['age'] }} {{ people[1:][0].name }}
{{ (people|map(attribute='name')|list)[0] }} {{ d.a|length + 1 }} {{ (d.a)[0] }}
{{ 'x' in d.a }} {{ none in d.a }} {{ 2.5 in d.a }} {{ 'a' in d.keys() }}
{{ d|attr('a') }}|{{ d|attr('__class__') }}|
{{ [1, 2] == [1, 2] }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ (1, 2) == [1, 2] }} {{ none == false }} {{ '' == none }} {{ [] == () }}
{{ 'ab' if word == 'hello' and not empty else 'cd' }}{{ ['x'][0] }}{{ {'k': 'v'}['k'] }}{{ {'k': 'v'}.k }}
{{ true|string }} {{ none|string }} {{ 1.0|string }} {{ true|lower }} {{ none|upper }} {{ 12|replace('1', 'x') }}
{{ 'a%sb' }} {{ 'a\tb'|replace('\t', ' ') }} {{ 'İ'|lower|length }} {{ 'ǆ'|capitalize }} {{ 'ﬁ'|upper }}
{{ '\u0041\u030a' == '\u00c5' }} {{ {'\u0041\u030a': 1}['\u00c5'] }}| {{ '\r\n'|length }} {{ '👨‍👩‍👧'|length }} {{ '👨‍👩‍👧'[0] }}
{{ 'a\u00a0b'.split() }} {{ '\u3000a\u2003'|trim }}| {{ '\u200ba'|trim|length }} {{ 'a\u2028b'.splitlines() }} {{ 'a\x1cb'.split() }}
""".strip("\n").split("\n")]
# What a line cannot hold.
EXPRESSIONS += [
    "", "\n", "a\n", "a\n\n", "a\r\nb\rc\n", "{{ 1 }}\n", "{{ 1 }}\n\n",
    "{% if true %}\nx\n{% endif %}\ny", "  {% if true %}\n  x\n  {% endif %}\n  y\n", "a {% if true %} b\n {% endif %}\nc",
    "{% if true +%}\nx\n{% endif %}", "  {%+ if true %}x{% endif %}", "{# c #}\nx", "  {# c #}\n  x", "{{ 1 }}\n  {{ 2 }}",
    "{%- if true -%}\n\n  x  \n\n{%- endif -%}\n\ny", "x\n  {{- 1 }}\n {{ 2 -}}\n\n y", "{% set x = 1 -%}\n  a{{ x }}",
    "  {% raw %}\n  {{ x }}\n  {% endraw %}\n  z", "{%- raw -%}  {{ x }}  {%- endraw -%}  z", "{{ 'a\nb' }}", "{{ [\n 1,\n 2,\n] }}",
    "{{ {\n 'a': 1,\n} }}", "{%\n if true\n%}x{%\nendif\n%}", "\t{% if true %}\tx\n\t{% endif %}\t\ny", "{{-1}}", "{{+ 1}}", "{{ 1 -}}  ",
    "\u00a0{% if true %}x{% endif %}", "{% for x in items %}\n  - {{ x }}\n{% endfor %}\ndone", "{ {{ 1 }} } {x} {", "{{ '}}' }}{{ '%}' }}{% set a = '%}' %}{{ a }}",
]
