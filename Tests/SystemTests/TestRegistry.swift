import Foundation
import HTTPTypes
import Hummingbird
import LabCore
import LabServers
import LabState
import LabTesting
import Logging
import NIOCore
import Synchronization
import Testing

/// A registry of images on the loopback interface, as far as an engine pulls from one (OCI distribution specification
/// 1.1, “Pull”, https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pull), that answers with errors
/// when a test wants that.
final class TestRegistry: Sendable {
    /// How it answers.
    enum Mood: Sendable, Equatable {
        case serves
        /// Only to ``user`` with ``password`` (RFC 7617).
        case wantsLogin
        /// With one of the specification's error codes.
        case fails(status: Int, code: String, message: String)
    }

    static let user = "anna"
    static let password = "right:one"

    let mood = Mutex(Mood.serves)
    /// The digests of manifests, by `name:tag`.
    private let tags = Mutex<[String: String]>([:])
    /// Where the blobs lie, by their digests.
    private let directory: String
    private let port = Mutex(0)

    private init(directory: String) {
        self.directory = directory
    }

    /// Its host and port, as they stand before the names of its images.
    var host: String { "127.0.0.1:\(port.withLock { $0 })" }

    /// Runs one for the length of `body`.
    static func with(_ body: @escaping @Sendable (TestRegistry) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let registry = TestRegistry(directory: directory)
            let router = Router(options: .autoGenerateHeadEndpoints)
            router.get("/v2/**") { request, _ in registry.respond(to: request) }
            router.get("/v2") { request, _ in registry.respond(to: request) }
            let ready = AsyncStream.makeStream(of: Int.self)
            let application = Application(
                router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: { channel in
                    ready.continuation.yield(channel.localAddress?.port ?? 0)
                    ready.continuation.finish()
                }, logger: Logger(label: "registry") { _ in SwiftLogNoOpLogHandler() })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await application.run() }
                group.addTask {
                    for await port in ready.stream {
                        registry.port.withLock { $0 = port }
                        try await body(registry)
                    }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    /// Takes an image of the engine, which is given away as `name:tag` from then on.
    func take(_ image: String, as name: String, _ docker: DockerUnderTest) async throws {
        struct Index: Decodable {
            struct Manifest: Decodable {
                let digest: String
            }

            let manifests: [Manifest]
        }
        let archive = directory + "/image.tar"
        // An image layout of the OCI in a tape archive.
        let saved = try await docker.run(["save", "--output", archive, image])
        try #require(saved.status.isSuccess, "\(saved.standardError)")
        try await Program.run("tar", ["--extract", "--file", archive, "--directory", directory]).orThrow()
        try FileManager.default.removeItem(atPath: archive)
        let index = try JSONText(trusted: String(contentsOfFile: directory + "/index.json", encoding: .utf8))
        let digest = try #require(try index.decode(Index.self).manifests.first?.digest)
        tags.withLock { $0[name] = digest }
    }

    private func respond(to request: Request) -> Response {
        switch mood.withLock({ $0 }) {
        case .serves: break
        case .wantsLogin:
            let login = Data("\(Self.user):\(Self.password)".utf8).base64EncodedString()
            guard request.headers[.authorization] == "Basic \(login)" else {
                return Self.error(401, "UNAUTHORIZED", "authentication required")
            }
        case .fails(let status, let code, let message): return Self.error(status, code, message)
        }
        let segments = request.uri.path.split(separator: "/").map(String.init)
        guard segments.count > 3 else { return Response(status: .ok) }
        let (name, what, reference) = (
            segments[1..<segments.count - 2].joined(separator: "/"), segments[segments.count - 2],
            segments[segments.count - 1]
        )
        let isManifest = what == "manifests"
        let digest = reference.contains(":") ? reference : tags.withLock { $0["\(name):\(reference)"] } ?? ""
        let path = directory + "/blobs/" + digest.replacing(":", with: "/")
        guard !digest.contains(".."), let data = FileManager.default.contents(atPath: path) else {
            return Self.error(404, isManifest ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN", "\(reference) is not here")
        }
        var headers: HTTPFields = [
            .contentType: isManifest ? "application/vnd.oci.image.manifest.v1+json" : "application/octet-stream"
        ]
        if let field = HTTPField.Name("Docker-Content-Digest") { headers[field] = digest }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    private static func error(_ status: Int, _ code: String, _ message: String) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        if status == 401 { headers[.wwwAuthenticate] = #"Basic realm="test""# }
        let body = #"{"errors": [{"code": "\#(code)", "message": "\#(message)"}]}"#
        return Response(
            status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
}
