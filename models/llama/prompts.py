"""What the two published models are asked: short and long, in several scripts, some with long beginnings in common."""

STORY = [
    "The lighthouse at Varn stood on a spit of black rock that the tide cut off twice a day. Ida Moren had kept it "
    "for eleven years, and before her it had been kept by a man who left nothing behind but a shelf of almanacs and "
    "a barometer that was always wrong. She had learned to read the barometer anyway: when it promised fair weather, "
    "she carried the coal up early. The village on the shore sent her bread on Mondays and letters on Thursdays, if "
    "there were any letters, and the boy who rowed them over was paid in stories.",
    "That autumn the boy was called Tomas, and he did not care for stories. He wanted to know how things worked. How "
    "many turns of the crank kept the lamp moving for an hour? Forty-two. How far could the light be seen? Nineteen "
    "miles, on a clear night, from the deck of a ship; twenty-one from the mast. Why did the lens have rings? "
    "Because a single piece of glass that large would weigh more than the tower could bear, and would crack in the "
    "first frost besides.",
    "In the second week of October a fog came in from the north and did not leave. It lay on the water like wool, "
    "and the light went into it and was lost after a hundred yards. Ida wound up the bell, which struck once every "
    "thirty seconds, and sat in the watch room with a cup of tea, counting. She counted the strokes and subtracted "
    "the ones she had slept through. On the third night she heard another bell answer, slower than hers and a little "
    "lower, from a place where no ship should have been.",
    "She wrote it down in the log, because everything went into the log: the hour, ten past two; the wind, none; the "
    "bell, east by south, perhaps half a mile. Then she put on her coat, took the small lantern and went down the "
    "hundred and sixty steps to the landing. The tide was out. The causeway shone a little, wet stone and weed, and "
    "the fog moved over it in slow sheets. She called twice and was answered by the bell alone.",
    "Tomas found her there in the morning, when he came with the bread. She was sitting on the mooring post with the "
    "lantern burnt out beside her, and she was drawing on the back of an envelope. The drawing was of a ship with "
    "three masts and no sails, and under it she had put numbers: two hundred tons, nine feet of draught, eleven men. "
    "\"I did not see it,\" she told him. \"I worked it out. You can learn a great deal from a bell if you are "
    "patient and know how far you are from it.\"",
    "He asked how, and she explained. Sound covers a mile in a little less than five seconds. Her own bell went out, "
    "struck the side of the ship and came back, and between the stroke and its echo there were five seconds at "
    "first, then four and a half, then four. So the ship was drifting toward the rock at the pace of a slow walk. "
    "The pitch of its bell told her the size of the bell, the size of the bell told her the kind of ship, and the "
    "kind of ship told her the number of men who would be standing at the rail, looking the wrong way.",
    "\"And did it strike?\" asked Tomas. \"No,\" said Ida. \"At four o'clock I went up again and stopped the bell, "
    "and the lamp, and everything. When a sailor hears a bell he thinks he knows where he is. When it stops he drops "
    "his anchor.\" She pointed with her pencil. The fog was thinner now, and in it, not two hundred yards away, "
    "there was a dark upright line, and beside it another, and beside that a third.",
    "The ship was the Constance, out of Riga with timber and tar, and she lay there until noon, when the fog lifted. "
    "The captain came over in a boat with two of his men. He was a short man with a grey beard, very angry and very "
    "polite. He wanted to know who had put out a light that was marked on every chart in Europe. Ida gave him tea. "
    "She showed him the log, and the drawing, and the sums, and he read them with one finger under the line, as a "
    "man reads a contract.",
    "When he had finished he was quiet for a while. Then he took a pencil of his own and corrected one figure: there "
    "were twelve men aboard, not eleven, for the cook's brother had come along without asking. He signed his name "
    "beside the correction. In the afternoon the Constance went out with the ebb, and as she passed the rock she "
    "rang her bell, once every thirty seconds, until she could not be heard any more.",
    "Ida kept the envelope in the almanac for that year. When the inspector came in the spring and asked about the "
    "night on which the light of Varn had been dark for three hours, she gave him the log to read, and he asked for "
    "nothing else. Tomas rowed him back. Halfway across, the inspector remarked that it was a strange way to keep a "
    "lighthouse. \"Yes,\" said the boy, who was counting the strokes of the oars, \"but it is the right number of "
    "men.\"",
]

REPORT = """Weekly report of the north greenhouse, week 14.
Section A (tomatoes): 212 plants, 9 lost, average height 41 cm, watered daily at 06:00 and 18:00 with 1.2 litres each.
Section B (peppers): 148 plants, 2 lost, average height 23 cm, watered daily at 06:00 with 0.8 litres each.
Section C (lettuce): 640 plants, 31 lost to snails, harvested 120 heads on Wednesday and 95 on Saturday.
Section D (herbs): basil, parsley, coriander and mint; the mint has spread into the parsley again.
Temperature: minimum 11 degrees on Tuesday night, maximum 29 degrees on Friday afternoon, when vents 3 and 4 were stuck.
Repairs: vent 3 was oiled, vent 4 needs a new motor (ordered, expected on the 22nd), two panes were replaced.
Staff: Amira was away on Monday, Jonas on Thursday and Friday; the school group on Wednesday had 26 children."""

TABLE = "\n".join(f"{a} x {b} = {a * b}" for a in range(3, 12) for b in range(2, 11))

CODE = '''class Stack:
    """A last-in, first-out collection."""

    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
'''


def raw(name, text):
    return dict(name=name, kind="raw", text=text)


def chat(name, user, system=None):
    messages = [{"role": "system", "content": system}] if system else []
    return dict(name=name, kind="chat", messages=[*messages, {"role": "user", "content": user}])


def turns(name, *contents):
    """A conversation of user and assistant in turn."""
    return dict(name=name, kind="chat", messages=[
        {"role": "assistant" if place % 2 else "user", "content": content} for place, content in enumerate(contents)])


def story(first, last):
    return "\n\n".join(STORY[first:last])


ABOUT_STORY = "Read this story and answer the question after it in one sentence.\n\n" + story(0, 6) + "\n\nQuestion: "
ABOUT_REPORT = "You answer questions about this report, briefly.\n\n" + REPORT

DOCUMENTS = "\n\n".join([REPORT, story(0, 10), *REPORT.replace("week 14", "week 15").split("\n")[:3]])

SMOLLM2 = [
    chat("capital", "What is the capital of France?"),
    chat("greeting", "Hi!"),
    chat("sky", "Why is the sky blue? Explain it to a child."),
    chat("primes", "List the first ten prime numbers, separated by commas."),
    chat("haiku", "Write a haiku about the sea."),
    chat("function", "Write a Python function that returns the factorial of n."),
    chat("shopping", "Make a numbered list of five things to buy for a picnic."),
    chat("arithmetic", "What is 17 + 25? Show the steps."),
    chat("emoji", "Answer only with emoji, like this: 🎉🎂🎈. Which emoji fit a birthday party? 🎉"),
    chat("echo-emoji", "Repeat exactly: 😀 🚀 🌍 日本 ❤️ 👍🏽"),
    chat("german", "Übersetze ins Englische: Die Straße ist naß und der Käse schmeckt größer."),
    chat("french", "Écris une phrase en français sur l'été à la plage."),
    chat("portuguese", "Escreva uma frase em português sobre o coração e a saudade."),
    chat("chinese", "请用中文写一句话，介绍北京。"),
    chat("system-pirate", "Where can I buy milk?", "You are a pirate. You answer in one sentence."),
    chat("system-json", "Name: Anna, age: 31, city: Oslo", "You turn what the user says into JSON and print nothing else."),
    chat("system-plain", "Tell me about whales.", "You are a helpful assistant."),
    chat("report-peppers", "How many peppers were lost?", ABOUT_REPORT),
    chat("report-vent", "What is wrong with vent 4?", ABOUT_REPORT),
    chat("report-children", "How many children came on Wednesday?", ABOUT_REPORT),
    turns("conversation", "My name is Lena.", "Nice to meet you, Lena! How can I help you today?", "What is my name?"),
    turns("conversation-long", "My name is Lena.", "Nice to meet you, Lena! How can I help you today?",
          "What is my name?", "Your name is Lena.", "Spell it backwards, then tell me how many letters it has."),
    chat("story-light", ABOUT_STORY + "How far could the light be seen from the mast?"),
    chat("story-boy", ABOUT_STORY + "Who rowed the bread over to the rock?"),
    chat("story-end", "Continue this story.\n\n" + story(0, 7)),
    raw("raw-once", "Once upon a time, in a small village by the sea,"),
    raw("raw-code", CODE),
    raw("raw-table", TABLE),
    raw("raw-count", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"),
    raw("raw-chinese", "中国的首都是北京。法国的首都是"),
    raw("raw-japanese", "日本の首都は東京です。私は"),
    raw("raw-russian", "Москва — столица России. Париж — столица"),
    raw("raw-arabic", "عاصمة فرنسا هي باريس. عاصمة"),
    raw("raw-emoji", "😀 😃 😄 😁 😆 😅 😂 🤣 😀 😃 😄 😁"),
    raw("raw-markup", "<ul>\n  <li>apple</li>\n  <li>banana</li>\n"),
    raw("raw-letter", "A"),
    raw("raw-documents", DOCUMENTS),
]

COUNTRIES = "Country: Portugal\nCapital: Lisbon\nCurrency: euro\n\nCountry: Japan\nCapital: Tokyo\nCurrency: yen\n\nCountry: "
ANIMALS = "🐶 dog\n🐱 cat\n🐭 mouse\n🐹 hamster\n🐰 rabbit\n🦊 fox\n🐻 bear\n🐼"

GEMMA3 = [
    raw("capital", "The capital of France is"),
    raw("once", "Once upon a time"),
    raw("letter", "A"),
    raw("letter-to-a-friend", "Dear Anna,\n\nthank you for your letter. I was very happy to"),
    raw("recipe", "Pancakes\n\nIngredients:\n- 250 g flour\n- 3 eggs\n- 500 ml milk\n\nSteps:\n1."),
    raw("count", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"),
    raw("squares", "1 4 9 16 25 36 49"),
    raw("sum", "12 + 30 = 42\n17 + 25 = 42\n8 + 9 = 17\n21 + 14 ="),
    raw("table", TABLE),
    raw("code-python", CODE),
    raw("code-swift",
        "/// The greatest common divisor of two numbers.\nfunc greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {\n"),
    raw("code-sql", "SELECT name, COUNT(*) AS orders\nFROM customers\nJOIN"),
    raw("json", '[\n  {"id": 1, "name": "Ada", "tags": ["x", "y"]},\n  {"id": 2, "name":'),
    raw("markup", "<ul>\n  <li>apple</li>\n  <li>banana</li>\n"),
    raw("country-germany", COUNTRIES + "Germany\n"),
    raw("country-brazil", COUNTRIES + "Brazil\n"),
    raw("country-india", COUNTRIES + "India\n"),
    raw("translation", "English: Good morning!\nGerman: Guten Morgen!\nEnglish: Thank you very much.\nGerman:"),
    raw("german", "Die Straße war naß, und über den Dächern von München"),
    raw("french", "L'été dernier, nous sommes allés à la plage et"),
    raw("portuguese", "A saudade é uma palavra que não tem tradução. No coração"),
    raw("chinese", "北京是中国的首都，也是"),
    raw("chinese-poem", "春眠不觉晓，处处闻啼鸟。"),
    raw("japanese", "昔々、あるところに、おじいさんと"),
    raw("korean", "안녕하세요. 저는"),
    raw("arabic", "كان يا ما كان، في قديم الزمان،"),
    raw("hebrew", "ירושלים היא"),
    raw("russian", "Жили-были старик со старухой у самого синего"),
    raw("hindi", "भारत की राजधानी"),
    raw("emoji-list", ANIMALS),
    raw("emoji-row", "😀 😃 😄 😁 😆 😅 😂 🤣 😀 😃 😄 😁"),
    raw("emoji-flags", "Germany 🇩🇪\nFrance 🇫🇷\nBrazil 🇧🇷\nJapan"),
    raw("spaces", "def f(x):\n\tif x:\n\t\treturn    1\n\n\n\telse:"),
    raw("report-summary", REPORT + "\n\nSummary:"),
    raw("report-next", REPORT + "\n\nWeekly report of the north greenhouse, week 15.\nSection A"),
    raw("story-five", story(0, 5) + "\n\n"),
    raw("story-question", story(0, 5) + "\n\nQuestion: How many steps does the lighthouse have?\nAnswer:"),
    raw("story-seven", story(0, 7) + "\n\n"),
    raw("documents", DOCUMENTS),
]
