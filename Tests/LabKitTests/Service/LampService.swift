import LabCore
import LabService
import LabState

/// A whole service for tests: one kind, one operation, one reconciler.
struct LampService: HasDocuments {
    static let name = "lamp-keeper"
    static let summary = "Keeps lamps lit."
    static let kinds: [any ResourceKind.Type] = [Lamp.self]
    static var operations: [any Operation] { Lamp.resourceOperations + [CountLamps()] }

    private let reconciler: LampReconciler

    init(_ context: LabContext) throws {
        reconciler = LampReconciler()
    }

    var reconcilers: [any Reconciler] { [reconciler] }
    var documents: [ServedDocument] {
        [ServedDocument("/v1/lamp-keys", reader: "lamplighter") { ServedDocument.Answer(body: #"{"key":"brass"}"#) }]
    }
}

enum Lamp: ManagedKind {
    enum Colour: String, Codable, Sendable, CaseIterable {
        case warm
        case cold
    }

    struct Spec: Codable, Sendable, Hashable {
        var isOn: Bool
        var colour: Colour?
        var host: Hostname?
    }

    static let name = "Lamp"
    static let plural = "lamps"
    static let summary = "A lamp."
    static let conditionTypes = ["Lit"]
    static let operationPrefix = "lamp"
    static let fields = ["isOn": "Whether it should be lit.", "colour": "Of its light."]

    static func admit(_ spec: Spec, name: ResourceName, _ call: OperationCall) async throws -> Spec {
        guard name.text != "forbidden" else {
            throw Problem.invalid("/name", "the name is forbidden", remedy: "Use another name")
        }
        return spec
    }
}

struct CountLamps: Operation {
    struct Input: Codable, Sendable {
        let lit: Bool?
    }

    struct Output: Codable, Sendable {
        let count: Int
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "lamp.count", "Counts the lamps.", safety: .read, .get, "/v1/lamp-count", fields: ["lit": "Only these."])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        Output(count: try await call.lab.store.resources(kind: Lamp.name).count)
    }
}

struct LampReconciler: Reconciler {
    typealias Kind = Lamp

    func reconcile(_ batch: [Resource<Lamp.Spec>], _ context: ReconcileContext) async throws -> [Outcome] {
        batch.map { resource in
            guard !resource.isDeleted else { return Outcome(resource.name, .purge) }
            return Outcome(
                resource.name, .done, conditions: [.met("Lit", reason: "Looked", message: "seen")],
                events: [NewEvent("lamp.lit", about: resource.key)])
        }
    }
}
