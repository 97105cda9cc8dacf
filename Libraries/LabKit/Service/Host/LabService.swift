public import LabPostgres
public import LabState

/// One of the platform's services: kinds, operations, reconcilers and migrations, made from a context without side
/// effects. Everything else is done by the host.
public protocol LabService: Sendable {
    /// The folder, the container, the topic's segment: `dns-manager`.
    static var name: String { get }
    /// One sentence.
    static var summary: String { get }
    static var kinds: [any ResourceKind.Type] { get }
    /// What it can be asked for; needs no running lab, so that the CLI knows it too.
    static var operations: [any Operation] { get }
    /// What it publishes on the broker and takes from it, beside what every service does: the broker's rights and the
    /// documentation follow from it.
    static var topics: [ServiceTopic] { get }
    /// The schema that the service's own tables lie in; nil when it has none.
    static var databaseSchema: String? { get }
    /// The changes of its schema, in the order of their numbers.
    static var migrations: [PostgresMigration] { get }

    /// Reads its configuration from the context; throws what is wrong and where.
    init(_ context: LabContext) throws

    var reconcilers: [any Reconciler] { get }
    /// What else runs as long as the service does.
    var background: [BackgroundTask] { get }
}

extension LabService {
    public static var topics: [ServiceTopic] { [] }
    public static var databaseSchema: String? { nil }
    public static var migrations: [PostgresMigration] { [] }
    public var background: [BackgroundTask] { [] }
}

/// Something that runs until its task is cancelled. One that ends or throws is started again with backoff.
public struct BackgroundTask: Sendable {
    public let name: String
    public let run: @Sendable () async throws -> Void

    public init(_ name: String, run: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.run = run
    }
}

/// A service that answers HTTP requests which are not operations, such as a document for another program.
public protocol HasDocuments: LabService {
    var documents: [ServedDocument] { get }
}

/// A document that another program fetches. It may hold secrets, so a scope alone does not open it.
public struct ServedDocument: Sendable {
    public struct Answer: Sendable {
        public let status: Int
        public let contentType: String
        public let body: String

        public init(status: Int = 200, contentType: String = "application/json", body: String) {
            self.status = status
            self.contentType = contentType
            self.body = body
        }
    }

    public let path: String
    /// The name of the token that may fetch it, besides those of scope `admin`.
    public let reader: String
    public let answer: @Sendable () async throws -> Answer

    public init(_ path: String, reader: String, answer: @escaping @Sendable () async throws -> Answer) {
        self.path = path
        self.reader = reader
        self.answer = answer
    }
}
