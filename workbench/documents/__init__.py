"""The documents that cross the trust boundary, their canonical form, keys and envelopes."""

from workbench.documents.attestation import Predicate, Statement, Subject, subjects
from workbench.documents.base import Document, digest_bytes, now
from workbench.documents.card import Approval, DatasetCard, Snippet, Terms
from workbench.documents.decision import Decision
from workbench.documents.envelope import Envelope, Signature
from workbench.documents.oversight import LogEntry, Share, Spending, SpendingPoint
from workbench.documents.plans import AnyPlan, Plan, StatisticPlan
from workbench.documents.policy import (
    ApprovalSettings,
    DryRun,
    PolicyChange,
    PolicyQuestion,
    PolicyStatus,
    WouldBe,
)
from workbench.documents.population import (
    Agreed,
    BlockHistory,
    BlockPoint,
    BlockStatus,
    NewPopulation,
    OptOut,
    Population,
    PopulationChange,
    PopulationHistory,
    PopulationPage,
    PopulationStatus,
    ProposedChange,
    WaitingChange,
    WaitingChanges,
)
from workbench.documents.release import Evaluation, Metric, PrivacySpent, Release
from workbench.documents.request import Request
from workbench.documents.schema import Column, Schema
from workbench.documents.status import (
    BudgetStatus,
    DatasetBudget,
    Person,
    RequestStatus,
    RunProgress,
    State,
)
from workbench.errors import Failure
from workbench.identity.keys import PrivateKey, PublicKey

__all__ = [
    "Agreed",
    "AnyPlan",
    "Approval",
    "ApprovalSettings",
    "BlockHistory",
    "BlockPoint",
    "BlockStatus",
    "BudgetStatus",
    "Column",
    "DatasetBudget",
    "DatasetCard",
    "Decision",
    "Document",
    "DryRun",
    "Envelope",
    "Evaluation",
    "Failure",
    "LogEntry",
    "Metric",
    "NewPopulation",
    "OptOut",
    "Person",
    "Plan",
    "PolicyChange",
    "PolicyQuestion",
    "PolicyStatus",
    "Population",
    "PopulationChange",
    "PopulationHistory",
    "PopulationPage",
    "PopulationStatus",
    "Predicate",
    "PrivacySpent",
    "PrivateKey",
    "ProposedChange",
    "PublicKey",
    "Release",
    "Request",
    "RequestStatus",
    "RunProgress",
    "Schema",
    "Share",
    "Signature",
    "Snippet",
    "Spending",
    "SpendingPoint",
    "State",
    "Statement",
    "StatisticPlan",
    "Subject",
    "Terms",
    "WaitingChange",
    "WaitingChanges",
    "WouldBe",
    "digest_bytes",
    "now",
    "subjects",
]
