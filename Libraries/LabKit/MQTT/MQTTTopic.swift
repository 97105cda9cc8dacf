public import LabCore

/// The name a message is published to (MQTT 5, 4.7): 1 to 65,535 bytes of UTF-8, no wildcard, no control character.
public struct MQTTTopic: ValidatedText {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        try TopicRules.checkText(text, what: "topic")
        for byte in text.utf8 where byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#") {
            throw InvalidText(
                "the topic “\(text)” has the wildcard “\(Character(UnicodeScalar(byte)))”",
                remedy: "Publish to one topic; wildcards belong into a subscription's filter")
        }
        self.text = text
    }

    /// A topic that the broker has sent, which has checked it.
    init(received text: String) {
        self.text = text
    }
}

/// What topics and filters share.
enum TopicRules {
    static let separator = UInt8(ascii: "/")

    static func checkText(_ text: String, what: String) throws(InvalidText) {
        guard !text.isEmpty else {
            throw InvalidText("the \(what) is empty", remedy: "Give at least one character")
        }
        guard text.utf8.count <= 65_535 else {
            throw InvalidText("the \(what) has more than 65,535 bytes", remedy: "Shorten it")
        }
        for scalar in text.unicodeScalars where !isAllowed(scalar) {
            throw InvalidText(
                "the \(what) has the character U+\(String(scalar.value, radix: 16, uppercase: true))",
                remedy: "Leave control characters and noncharacters out (MQTT 5, 1.5.4)")
        }
    }

    /// Brokers may close the connection over the characters that 1.5.4 discourages, so none gets that far.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        let value = scalar.value
        let isControl = value < 0x20 || (0x7F...0x9F).contains(value)
        let isNoncharacter = (0xFDD0...0xFDEF).contains(value) || value & 0xFFFE == 0xFFFE
        return !isControl && !isNoncharacter
    }
}
