public import LabCore
public import LabService

/// What people call an app, or a group of apps: a line of 1 to 120 characters, without control characters and marks
/// that reorder what is shown.
public struct AppTitle: ValidatedText, JSONSchemaRepresentable {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        self.text = try OneLine.checked(text, maximum: 120)
    }

    public static var jsonSchema: JSONSchema { .string(minimumLength: 1, maximumLength: 120, example: "Notes") }
    public static var schemaExample: AppTitle { get throws { try AppTitle("Notes") } }
}

/// What an app is, in one sentence: a line of 1 to 300 characters, with the rules of a title.
public struct AppSummary: ValidatedText, JSONSchemaRepresentable {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        self.text = try OneLine.checked(text, maximum: 300)
    }

    public static var jsonSchema: JSONSchema {
        .string(minimumLength: 1, maximumLength: 300, example: "Notes of the household.")
    }
    public static var schemaExample: AppSummary { get throws { try AppSummary("Notes of the household.") } }
}

/// Why an app is declared: a line of 1 to 300 characters, with the rules of a title.
public struct AppMessage: ValidatedText, JSONSchemaRepresentable {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        self.text = try OneLine.checked(text, maximum: 300)
    }

    public static var jsonSchema: JSONSchema {
        .string(minimumLength: 1, maximumLength: 300, example: "The new release mends the search.")
    }
    public static var schemaExample: AppMessage { get throws { try AppMessage("The new release mends the search.") } }
}

private enum OneLine {
    static func checked(_ text: String, maximum: Int) throws(InvalidText) -> String {
        let line = Markdown.singleLine(text)
        guard !line.isEmpty, text.unicodeScalars.count <= maximum else {
            throw InvalidText(
                line.isEmpty ? "the text is empty" : "the text has more than \(maximum) characters",
                remedy: "Give 1 to \(maximum) characters, or leave the field out")
        }
        guard Markdown.hasOnlyVisible(text) else {
            throw InvalidText("the text has a line end or a control character", remedy: "Give one line of text")
        }
        return line
    }
}

/// Markdown for an app's docs page, at most 20 kB of UTF-8.
public struct AppNotes: ValidatedText, JSONSchemaRepresentable {
    public static let maximumBytes = 20_000

    public let text: String

    public init(_ text: String) throws(InvalidText) {
        guard text.utf8.count <= Self.maximumBytes else {
            throw InvalidText(
                "the notes have \(text.utf8.count) bytes, more than \(Self.maximumBytes)",
                remedy: "Shorten them, or keep the long form elsewhere and link to it")
        }
        // PostgreSQL's jsonb holds every character but this one.
        guard !text.utf8.contains(0) else {
            throw InvalidText("the notes have a NUL character", remedy: "Remove it")
        }
        self.text = text
    }

    public static var jsonSchema: JSONSchema { .string(maximumLength: maximumBytes, example: "Backed up *nightly*.") }
    public static var schemaExample: AppNotes { get throws { try AppNotes("") } }
}

/// The path and query that are asked for: from `/` on, at most 1024 characters that a URL may have, without a fragment
/// and without those that some proxy's configuration gives a meaning.
public struct HealthPath: ValidatedText, JSONSchemaRepresentable {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        let remedy = "Give a path such as /health"
        guard text.hasPrefix("/"), !text.hasPrefix("//"), text.utf8.count <= 1024 else {
            throw InvalidText("the path does not begin with one “/”, or has more than 1024 characters", remedy: remedy)
        }
        let isClean = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~/?=&%+:,;@!*".utf8.contains(byte)
            }
        }
        guard isClean else {
            throw InvalidText(
                "the path has a character that it may not have",
                remedy: "Percent-encode it, or leave it out; “#” is never sent")
        }
        self.text = text
    }

    public static var jsonSchema: JSONSchema { .string(pattern: "^/", maximumLength: 1024, example: "/health") }
    public static var schemaExample: HealthPath { get throws { try HealthPath("/health") } }
}
