public import LabCore
public import LabService

/// A Compose file as somebody wrote it: YAML of 1 to 262,144 bytes. What it says is checked by Compose itself.
public struct ComposeText: ValidatedText, JSONSchemaRepresentable {
    public static let maximumBytes = 262_144

    public let text: String

    public init(_ text: String) throws(InvalidText) {
        guard !text.isEmpty, text.utf8.count <= Self.maximumBytes else {
            throw InvalidText(
                text.isEmpty ? "the file is empty" : "the file has more than \(Self.maximumBytes) bytes",
                remedy: "Give a Compose file with at least one service")
        }
        guard !text.utf8.contains(0) else {
            throw InvalidText("the file has a NUL character", remedy: "Save it as UTF-8 text")
        }
        self.text = text
    }

    public static var jsonSchema: JSONSchema {
        .string(minimumLength: 1, maximumLength: maximumBytes, example: "services: {web: {image: nginx}}")
    }
    public static var schemaExample: ComposeText { get throws { try ComposeText("services: {}") } }
}

/// The path of a file beside the Compose file: relative, inside its folder, at most 200 bytes.
struct ProjectFilePath: ValidatedText {
    let text: String

    init(_ text: String) throws(InvalidText) {
        let remedy = "Give a path such as config/app.conf, inside the app's folder"
        guard !text.isEmpty, text.utf8.count <= 200, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw InvalidText("the path is empty, too long, or has a control character", remedy: remedy)
        }
        let segments = text.split(separator: "/", omittingEmptySubsequences: false)
        guard !segments.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
            throw InvalidText("“\(text)” does not stay inside the app's folder", remedy: remedy)
        }
        self.text = text
    }
}
