/// The name of a declared thing, unique within its kind: 1 to 253 of `a-z 0-9 . _ - * :`, beginning with a letter, a
/// digit, `_` or `*`. It is one path segment of the REST API and one word everywhere else.
public struct ResourceName: ValidatedText {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        guard let first = text.utf8.first, text.utf8.count <= 253 else {
            throw InvalidText(
                text.isEmpty ? "the name is empty" : "the name has more than 253 characters",
                remedy: "Give a name of 1 to 253 characters")
        }
        let mayBegin = Self.isAlphanumeric(first) || first == UInt8(ascii: "_") || first == UInt8(ascii: "*")
        guard mayBegin, text.utf8.allSatisfy(Self.isNameByte) else {
            throw InvalidText(
                "the name has a character that is not allowed",
                remedy: "Use lower-case letters, digits, “.”, “-” and “_”, beginning with a letter or a digit")
        }
        self.text = text
    }

    public init(_ name: AppName) {
        text = name.text
    }

    public init(_ name: Hostname) {
        text = name.text
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "*") || byte == UInt8(ascii: ":")
    }
}

/// The name of an app: one DNS label (1 to 63 of `a-z 0-9 -`, no hyphen first or last, not all digits), because it
/// becomes the first label of the app's host name, a compose project's name and a file name.
public struct AppName: ValidatedText {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        let remedy = "Use 1 to 63 lower-case letters, digits and hyphens, such as my-notes"
        guard !text.isEmpty else { throw InvalidText("the name is empty", remedy: remedy) }
        guard text.utf8.count <= 63 else { throw InvalidText("the name has more than 63 characters", remedy: remedy) }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                continue
            default: throw InvalidText("the name has a character that is not allowed", remedy: remedy)
            }
        }
        do {
            try DomainName.checkLabel(text[...], allowingUnderscore: false)
        } catch {
            throw InvalidText(error.detail, remedy: remedy)
        }
        guard !text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw InvalidText("the name has digits only", remedy: remedy)
        }
        self.text = text
    }
}
