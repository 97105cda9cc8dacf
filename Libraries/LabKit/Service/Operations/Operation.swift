import LabCore
public import LabState

/// Something that a person or a program can ask for. From this one declaration come the REST route with its OpenAPI
/// entry, the `lab` subcommand, and what other surfaces offer.
public protocol Operation: Sendable {
    /// What is asked with. A property named `body` is the request's body; all others are in the path or the query.
    associatedtype Input: Decodable & Sendable
    associatedtype Output: Codable & Sendable

    var declaration: OperationDeclaration { get }

    /// Does it. Throws a ``Problem`` for what the caller can mend.
    func run(_ input: Input, _ call: OperationCall) async throws -> Output
}

/// Everything about an operation that can be said without running it.
public struct OperationDeclaration: Sendable {
    /// How much harm it can do; decides the scope that a token needs and whether the CLI asks first.
    public enum Safety: String, Sendable, CaseIterable {
        /// Changes nothing.
        case read
        /// Changes something that can be changed back.
        case act
        /// Takes something away.
        case destructive
    }

    /// Dotted and lower case, the most general first: `dns.record.put`. Also its `operationId`.
    public let name: String
    /// One sentence.
    public let summary: String
    public let safety: Safety
    public let method: Method
    /// With parameters in braces: `/v1/records/{name}`.
    public let path: String
    /// The scope that a token needs; from the safety unless said otherwise.
    public let scope: Scope
    /// The status of a success, from RFC 9110.
    public let successStatus: Int
    /// How a person may say it to a chat; used as examples.
    public let phrases: [String]
    /// Documentation of input fields, by JSON Pointer without the leading slash: `body/ttl`.
    public let fields: [String: String]

    public enum Method: String, Sendable {
        case get = "GET"
        case put = "PUT"
        case post = "POST"
        case delete = "DELETE"
    }

    public init(
        _ name: String, _ summary: String, safety: Safety, _ method: Method, _ path: String, scope: Scope? = nil,
        successStatus: Int = 200, phrases: [String] = [], fields: [String: String] = [:]
    ) {
        self.name = name
        self.summary = summary
        self.safety = safety
        self.method = method
        self.path = path
        self.scope = scope ?? (safety == .read ? .read : .act)
        self.successStatus = successStatus
        self.phrases = phrases
        self.fields = fields
    }

    /// The names of the path's parameters.
    public var pathParameters: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") && $0.hasSuffix("}") }
            .map { String($0.dropFirst().dropLast()) }
    }
}

/// What a token allows. Each includes those before it.
public enum Scope: String, Sendable, Codable, CaseIterable, Comparable {
    case read
    case act
    case admin

    private var rank: Int {
        switch self {
        case .read: 0
        case .act: 1
        case .admin: 2
        }
    }

    public static func < (left: Scope, right: Scope) -> Bool { left.rank < right.rank }
}

/// One call of an operation: who asks, and what it may use.
public struct OperationCall: Sendable {
    public let caller: Caller
    public let lab: LabContext
    public let tokens: TokenStore

    public init(caller: Caller, lab: LabContext, tokens: TokenStore? = nil) {
        self.caller = caller
        self.lab = lab
        self.tokens = tokens ?? TokenStore(postgres: lab.store.postgres, wakeUps: lab.wakeUps)
    }
}

/// Who asks: a token's name and what it allows.
public struct Caller: Sendable, Hashable {
    public let name: String
    public let scope: Scope

    public init(name: String, scope: Scope) {
        self.name = name
        self.scope = scope
    }
}

/// An output that writes its own JSON, where an encoder would be the main cost of the call.
public protocol JSONTextRepresentable {
    var jsonText: JSONText { get }
}

extension Operation {
    /// The schema of the input; its property `body` is the request's body.
    public func inputSchema() throws -> JSONSchema {
        var schema = try JSONSchema(recording: Input.self)
        schema.document(declaration.fields, at: "")
        return schema
    }

    public func outputSchema() throws -> JSONSchema {
        try JSONSchema(recording: Output.self)
    }
}

extension JSONSchema {
    /// Adds sentences to properties, by their pointers.
    mutating func document(_ sentences: [String: String], at pointer: String) {
        if let sentence = sentences[pointer] { summary = sentence }
        switch shape {
        case .object(var properties):
            for index in properties.indices {
                let name = properties[index].name
                properties[index].schema.document(sentences, at: pointer.isEmpty ? name : pointer + "/" + name)
            }
            shape = .object(properties)
        case .array(var items, let minimum, let maximum):
            items.document(sentences, at: pointer + "/*")
            shape = .array(items: items, minimum: minimum, maximum: maximum)
        default:
            break
        }
    }
}
