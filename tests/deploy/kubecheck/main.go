// Reads resources of Kubernetes (kubecheck FILE...) and holds them against the rules that its API
// server has beyond the schema: decoded, defaulted and validated by Kubernetes' own code.
package main

import (
	"fmt"
	"os"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
)

var separator = regexp.MustCompile(`(?m)^---$`)

func main() {
	failed := false
	for _, path := range os.Args[1:] {
		text, err := os.ReadFile(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, part := range separator.Split(string(text), -1) {
			kind, faults := check([]byte(part))
			fmt.Println(kind)
			for _, fault := range faults {
				fmt.Fprintf(os.Stderr, "%s: %s\n", kind, fault)
				failed = true
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(text []byte) (string, field.ErrorList) {
	decoder := legacyscheme.Codecs.UniversalDecoder(
		apps.SchemeGroupVersion,
		batch.SchemeGroupVersion,
		core.SchemeGroupVersion,
		networking.SchemeGroupVersion,
		policy.SchemeGroupVersion,
	)
	object, kind, err := decoder.Decode(text, nil, nil)
	if err != nil {
		return "unknown", field.ErrorList{field.InternalError(nil, err)}
	}
	return kind.Kind, validate(object)
}

func validate(object runtime.Object) field.ErrorList {
	pod := corevalidation.PodValidationOptions{}
	switch it := object.(type) {
	case *batch.Job:
		options := batchvalidation.JobValidationOptions{
			PodValidationOptions: pod, RequirePrefixedLabels: true,
		}
		return batchvalidation.ValidateJob(labelled(it), options)
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(it, pod)
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(it, pod)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(it)
	case *core.Namespace:
		return corevalidation.ValidateNamespace(it)
	case *core.PersistentVolumeClaim:
		options := corevalidation.PersistentVolumeClaimSpecValidationOptions{}
		return corevalidation.ValidatePersistentVolumeClaim(it, options)
	case *core.Service:
		if it.Spec.ClusterIP != "" {
			it.Spec.ClusterIPs = []string{it.Spec.ClusterIP}
		}
		return corevalidation.ValidateServiceCreate(it)
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(it)
	case *networking.NetworkPolicy:
		options := networkvalidation.NetworkPolicyValidationOptions{}
		return networkvalidation.ValidateNetworkPolicy(it, options)
	case *policy.PodDisruptionBudget:
		options := policyvalidation.PodDisruptionBudgetValidationOptions{}
		return policyvalidation.ValidatePodDisruptionBudget(it, options)
	}
	return field.ErrorList{field.InternalError(nil, fmt.Errorf("%T is not known here", object))}
}

// labelled adds what the server adds to a new Job before it validates it.
func labelled(job *batch.Job) *batch.Job {
	job.UID = "00000000-0000-0000-0000-000000000001"
	uid := string(job.UID)
	job.Spec.Selector = &metav1.LabelSelector{
		MatchLabels: map[string]string{batch.ControllerUidLabel: uid},
	}
	if job.Spec.Template.Labels == nil {
		job.Spec.Template.Labels = map[string]string{}
	}
	for key, value := range map[string]string{
		batch.ControllerUidLabel:       uid,
		batch.LegacyControllerUidLabel: uid,
		batch.JobNameLabel:             job.Name,
		batch.LegacyJobNameLabel:       job.Name,
	} {
		job.Spec.Template.Labels[key] = value
	}
	return job
}
