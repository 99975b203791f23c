/// What is translated where nobody brings a text.
enum BenchTexts {
    /// English sentences of 3 to 38 words, as people write them.
    static let sentences = [
        "The library opens at nine.",
        "Please close the window before you leave the room.",
        "We took the early train because the road along the river was under water again.",
        "Nobody answered the telephone.",
        "She wrote the letter three times and threw it away three times before she finally sent a postcard.",
        "If the parcel does not arrive by Friday, call the office and ask for the number of the shipment.",
        "Bread, milk and two lemons.",
        "The new bridge is longer than the old one, but it carries fewer cars, since half of its width belongs to "
            + "cyclists and to people on foot.",
        "My grandmother kept bees behind the house until she was ninety.",
        "What time does the last ferry leave for the island?",
        "The committee will meet again in October to decide whether the garden behind the town hall should be opened "
            + "to the public on Sundays.",
        "It rained all night.",
        "The teacher asked everyone to bring a photograph of a place that they would like to see once more.",
        "Turn left after the bakery and you will see the station on the other side of the square.",
        "He repairs clocks, radios and now and then a bicycle.",
        "The results of the second experiment agree with those of the first, although the temperature was four "
            + "degrees higher and the sample had been stored for a week.",
        "Could you tell me where I can buy a map of the city?",
        "The cat sleeps on the warm side of the wall.",
        "Most of the visitors come in summer, when the days are long and the water is warm enough to swim in.",
        "There was no light in any of the windows, and yet we heard music.",
        "Save your work often.",
        "The price includes breakfast, the use of the kitchen and a towel for each guest.",
        "After the storm the fishermen found their nets on the roof of the church, and it took them two days, a long "
            + "ladder and the help of the whole village to bring them down.",
        "I have never understood why the clock in the tower runs ten minutes late.",
        "Our neighbours grow tomatoes, beans and a kind of yellow pumpkin that nobody else in the street has seen.",
        "The museum is free on the first Monday of each month.",
        "Before you change the battery, make sure that the machine is switched off and that the cable has been removed.",
        "They named the boat after a song.",
        "The doctor said that a short walk after lunch would do him more good than anything she could prescribe.",
        "Winter came early that year, and the harbour froze in November.",
    ]

    /// Words that are one token each in the vocabulary of firefox-en-pt.
    private static let words = [
        "the", "house", "water", "people", "time", "year", "day", "night", "work", "school", "family", "friend", "city",
        "river", "road", "train", "letter", "book", "story", "music", "garden", "window", "door", "table", "bread",
        "morning", "evening", "summer", "winter", "light", "north", "south", "east", "west", "green", "white", "black",
        "small", "large", "old", "new", "good", "long", "short", "high", "low", "open", "early", "late", "always",
        "never", "often", "under", "over", "between", "after", "before", "during", "without", "within",
    ]

    /// Lines of exactly so many words of one token each, each another.
    static func lines(_ count: Int, words length: Int) -> String {
        var state: UInt64 = 1
        return (0..<count).map { _ in
            (0..<length).map { _ in
                // The linear congruential generator of Knuth's MMIX.
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return words[Int((state >> 33) % UInt64(words.count))]
            }.joined(separator: " ")
        }.joined(separator: "\n") + "\n"
    }

    /// The sentences as a file: ten times, so that batches are full.
    static var file: String { (0..<10).flatMap { _ in sentences }.map { $0 + "\n" }.joined() }
}
