/// What is wrong with a request or a declaration, in the terms of RFC 9457 (`application/problem+json`).
///
/// It is made where the fault is known, travels as an error, and becomes the answer at the edge: the REST server
/// encodes it, the CLI prints it. `detail` says what was wrong and where, `remedy` what to do.
public struct Problem: Error, Sendable, Equatable {
    /// Why the request failed; decides the HTTP status and whether to try again makes sense.
    public enum Reason: String, Sendable, CaseIterable {
        case invalid
        case unauthenticated
        case forbidden
        case notFound
        case methodNotAllowed
        case notAcceptable
        case conflict
        case tooLarge
        case unsupportedMediaType
        case unprocessable
        case tooManyRequests
        case internalFault
        case unavailable
        case timedOut
    }

    /// One field of the input that was refused.
    public struct Field: Sendable, Equatable {
        /// A JSON Pointer (RFC 6901) into the body, or the name of a path or query parameter.
        public var pointer: String
        /// What was wrong with the value.
        public var detail: String
        /// What would be right.
        public var remedy: String

        public init(_ pointer: String, _ detail: String, remedy: String) {
            self.pointer = pointer
            self.detail = detail
            self.remedy = remedy
        }
    }

    public var reason: Reason
    public var title: String
    public var detail: String
    public var remedy: String?
    public var fields: [Field]

    public init(
        _ reason: Reason, title: String, detail: String, remedy: String? = nil, fields: [Field] = []
    ) {
        self.reason = reason
        self.title = title
        self.detail = detail
        self.remedy = remedy
        self.fields = fields
    }

    /// Bad input: one or more fields, each with its remedy.
    public static func invalid(_ fields: [Field]) -> Problem {
        Problem(
            .invalid, title: "The input is not valid",
            detail: fields.map { $0.pointer.isEmpty ? $0.detail : "\($0.pointer): \($0.detail)" }
                .joined(separator: "; "),
            fields: fields)
    }

    /// Bad input: one field and its remedy.
    public static func invalid(_ pointer: String, _ detail: String, remedy: String) -> Problem {
        invalid([Field(pointer, detail, remedy: remedy)])
    }

    public static func notFound(_ what: String, remedy: String? = nil) -> Problem {
        Problem(.notFound, title: "Not found", detail: "\(what) does not exist", remedy: remedy)
    }

    public static func conflict(_ detail: String, remedy: String, fields: [Field] = []) -> Problem {
        Problem(.conflict, title: "Conflicts with what is declared", detail: detail, remedy: remedy, fields: fields)
    }

    /// The HTTP status code that goes with the reason (RFC 9110).
    public var status: Int {
        switch reason {
        case .invalid: 400
        case .unauthenticated: 401
        case .forbidden: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .conflict: 409
        case .tooLarge: 413
        case .unsupportedMediaType: 415
        case .unprocessable: 422
        case .tooManyRequests: 429
        case .internalFault: 500
        case .unavailable: 503
        case .timedOut: 504
        }
    }
}

extension Problem: CustomStringConvertible {
    public var description: String {
        var lines = ["\(title): \(detail)"]
        if let remedy { lines.append(remedy) }
        lines += fields.map { "  \($0.pointer): \($0.detail). \($0.remedy)" }
        return lines.joined(separator: "\n")
    }
}

/// A value that is valid by construction: made from text at the edge, or refused there with the reason.
public protocol ValidatedText: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The one canonical spelling.
    var text: String { get }

    /// Parses `text`, or throws an ``InvalidText`` that says what was wrong and what would be right.
    init(_ text: String) throws(InvalidText)
}

/// Why a text is not a value of a ``ValidatedText`` type.
public struct InvalidText: Error, Sendable, Equatable, CustomStringConvertible {
    public let detail: String
    public let remedy: String

    public init(_ detail: String, remedy: String) {
        self.detail = detail
        self.remedy = remedy
    }

    public var description: String { "\(detail). \(remedy)" }

    /// The same, as a problem with the field it was found in.
    public func problem(at pointer: String) -> Problem {
        .invalid(pointer, detail, remedy: remedy)
    }
}

extension ValidatedText {
    public var description: String { text }

    public static func < (left: Self, right: Self) -> Bool {
        left.text < right.text
    }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: error.detail, underlyingError: error))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
