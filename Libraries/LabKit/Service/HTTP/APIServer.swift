import HTTPTypes
import Hummingbird
import HummingbirdCore
import LabCore
import LabState
import Logging
import Metrics
import NIOCore
import ServiceLifecycle
import Synchronization

/// The one HTTP server of a process: operations of all its services, their documents, streams, OpenAPI, health.
struct APIServer: Sendable {
    private let responder: HealthResponder
    /// Kept answers; whoever runs the server runs this beside it.
    let answers: ResourceAnswers
    private let host: String
    private let port: Int
    private let logger: Logger

    init(
        title: String, first: HostedService, hosted: [HostedService], tokens: TokenStore, settings: LabSettings,
        logger: Logger
    ) throws {
        host = settings["LAB_LISTEN"] ?? "127.0.0.1"
        port = try settings.integer("LAB_API_PORT", in: 0...65_535, default: 8700)
        self.logger = logger
        let router = Router(context: LabRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.middlewares.add(RequestMetricsMiddleware())
        router.middlewares.add(ProblemMiddleware())
        router.middlewares.add(AuthenticationMiddleware(tokens: tokens))

        let answers = ResourceAnswers()
        self.answers = answers
        var mounted: [MountedOperation] = []
        let groups = [(CommonOperations.all, first.context)] + hosted.map { ($0.operations, $0.context) }
        for (operations, lab) in groups {
            let routes = OperationRoutes(
                operations: try operations.map { try MountedOperation($0) }, lab: lab, tokens: tokens, answers: answers)
            routes.add(to: router)
            mounted += routes.operations
        }
        for document in hosted.flatMap(\.documents) { Self.add(document, to: router) }
        EventStreams(lab: first.context, kinds: hosted.flatMap(\.kinds)).add(to: router)
        HealthRoutes(hosted: hosted).add(to: router)
        let openAPI = try JSONText(encoding: OpenAPI(title: title, operations: mounted).document)
        router.get("/openapi.json") { _, _ in Response.json(openAPI) }
        let readOnly =
            ["/openapi.json"] + HealthRoutes.paths + EventStreams.paths + hosted.flatMap(\.documents).map(\.path)
        UnknownMethods(operations: mounted.map(\.declaration), readOnlyPaths: readOnly).refuse(on: router)
        responder = HealthResponder(before: router.buildResponder())
    }

    /// - Parameter onReady: called once the server listens.
    func service(onReady: @escaping @Sendable (LabHostFacts) async throws -> Void) -> any Service {
        let logger = logger
        return Application(
            responder: responder, server: HTTPServerBuilder { EventLoopHTTPChannel(responder: $0) },
            configuration: ApplicationConfiguration(address: .hostname(host, port: port), serverName: "lab"),
            onServerRunning: { channel in
                do {
                    try await onReady(LabHostFacts(port: channel.localAddress?.port ?? port))
                } catch {
                    logger.error("What follows the start failed", metadata: ["error": "\(error)"])
                }
            },
            logger: logger)
    }

    private static func add(_ document: ServedDocument, to router: Router<LabRequestContext>) {
        router.get(RouterPath(document.path)) { _, context in
            guard let caller = context.caller, caller.scope >= .admin || caller.name == document.reader else {
                throw Problem(
                    .forbidden, title: "The token does not allow this",
                    detail: "\(document.path) is for the token “\(document.reader)” and for those of the scope admin",
                    remedy: "An admin makes it with “lab token create \(document.reader)”")
            }
            let answer = try await document.answer()
            return Response.text(answer.body, contentType: answer.contentType, status: answer.status)
        }
    }
}
